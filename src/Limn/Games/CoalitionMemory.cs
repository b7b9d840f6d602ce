namespace Limn.Games;

/// <summary>The values of coalitions that are known, found by their bits.</summary>
internal sealed class CoalitionMemory(int players)
{
    private readonly Coalitions known = new(players, 256);
    private int[] slots = new int[1024]; // the number of a coalition plus one; 0 where there is none
    private double[] values = new double[256];

    public int Count => known.Count;

    public ref double this[int index] => ref values[index];

    /// <summary>The number of a coalition, which is remembered from now on.</summary>
    /// <param name="coalition">Its bits.</param>
    /// <param name="isNew">Whether it was not known.</param>
    public int Find(ReadOnlySpan<ulong> coalition, out bool isNew)
    {
        for (int slot = SlotOf(coalition); ; slot = (slot + 1) & (slots.Length - 1))
        {
            int index = slots[slot] - 1;
            if (index >= 0 && known[index].SequenceEqual(coalition))
            {
                isNew = false;
                return index;
            }
            if (index >= 0) continue;
            isNew = true;
            index = known.Count;
            known.Add(coalition);
            slots[slot] = known.Count;
            if (known.Count > values.Length) Array.Resize(ref values, 2 * values.Length);
            if (2 * known.Count > slots.Length) Spread();
            return index;
        }
    }

    public ReadOnlySpan<ulong> Coalition(int index) => known[index];

    public void Clear()
    {
        known.Clear();
        Array.Clear(slots);
    }

    private void Spread()
    {
        slots = new int[2 * slots.Length];
        for (int i = 0; i < known.Count; i++)
        {
            int slot = SlotOf(known[i]);
            while (slots[slot] != 0) slot = (slot + 1) & (slots.Length - 1);
            slots[slot] = i + 1;
        }
    }

    private int SlotOf(ReadOnlySpan<ulong> coalition)
    {
        ulong hash = 0;
        foreach (ulong word in coalition) hash = (hash ^ word) * 0x9E3779B97F4A7C15;
        return (int)(hash >> 32) & (slots.Length - 1);
    }
}
