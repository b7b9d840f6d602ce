namespace Limn.Engine.Kernels;

/// <summary>The largest keys of a list, in order.</summary>
internal static class Best
{
    /// <summary>A key in the order of the numbers: both zeros are equal, and NaN is above all.</summary>
    public static long KeyOf(float value)
    {
        if (float.IsNaN(value)) return int.MaxValue;
        int bits = BitConverter.SingleToInt32Bits(value + 0f); // of the two zeros only the positive is left
        return bits >= 0 ? bits : int.MinValue - (long)bits;
    }

    /// <summary>Where the <paramref name="count"/> largest are, largest first; of equal ones the first comes first.</summary>
    /// <remarks>A heap of the best so far, the worst of them on top: time n + changes · log count.</remarks>
    public static int[] Of(long[] keys, int count)
    {
        var heap = new int[count];
        for (int i = 0; i < count; i++) heap[i] = i;
        for (int i = count / 2 - 1; i >= 0; i--) Sink(keys, heap, i);
        for (int i = count; i < keys.Length && count > 0; i++)
        {
            if (keys[i] <= keys[heap[0]]) continue; // an equal one comes later
            heap[0] = i;
            Sink(keys, heap, 0);
        }
        Array.Sort(heap, (a, b) => keys[a] != keys[b] ? keys[b].CompareTo(keys[a]) : a.CompareTo(b));
        return heap;
    }

    private static void Sink(long[] keys, int[] heap, int at)
    {
        while (true)
        {
            int worst = at, left = 2 * at + 1;
            if (left < heap.Length && Worse(keys, heap[left], heap[worst])) worst = left;
            if (left + 1 < heap.Length && Worse(keys, heap[left + 1], heap[worst])) worst = left + 1;
            if (worst == at) return;
            (heap[at], heap[worst]) = (heap[worst], heap[at]);
            at = worst;
        }
    }

    private static bool Worse(long[] keys, int a, int b) => keys[a] < keys[b] || keys[a] == keys[b] && a > b;
}
