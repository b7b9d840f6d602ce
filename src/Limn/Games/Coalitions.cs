using System.Numerics;

namespace Limn.Games;

/// <summary>A list of coalitions: sets of players, each a row of bits.</summary>
public sealed class Coalitions
{
    private readonly ulong last; // the bits of the last word that are players
    private ulong[] bits;

    /// <param name="players">How many players there are.</param>
    /// <param name="capacity">How many coalitions to make room for.</param>
    public Coalitions(int players, int capacity = 16)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(players);
        ArgumentOutOfRangeException.ThrowIfNegative(capacity);
        Players = players;
        Words = Math.Max(1, (players + 63) / 64);
        last = players % 64 == 0 && players > 0 ? ulong.MaxValue : (1UL << (players % 64)) - 1;
        bits = new ulong[Math.Max(1, capacity) * Words];
    }

    public int Players { get; }

    /// <summary>The words of 64 bits that a coalition takes; player i is bit i mod 64 of word i / 64.</summary>
    public int Words { get; }

    public int Count { get; private set; }

    /// <summary>The bits of a coalition.</summary>
    public ReadOnlySpan<ulong> this[int index] => bits.AsSpan(index * Words, Words);

    /// <summary>Whether a player is in a coalition.</summary>
    public static bool Has(ReadOnlySpan<ulong> coalition, int player) => (coalition[player >> 6] >> (player & 63) & 1) != 0;

    /// <summary>How many players are in a coalition.</summary>
    public static int Size(ReadOnlySpan<ulong> coalition)
    {
        int size = 0;
        foreach (ulong word in coalition) size += BitOperations.PopCount(word);
        return size;
    }

    /// <summary>Adds a player to the last coalition.</summary>
    public void Join(int player) => bits[(Count - 1) * Words + (player >> 6)] |= 1UL << (player & 63);

    /// <summary>Adds the coalition of nobody.</summary>
    public Coalitions AddEmpty()
    {
        Grow();
        bits.AsSpan(Count * Words, Words).Clear();
        Count++;
        return this;
    }

    /// <summary>Adds the coalition of everybody.</summary>
    public Coalitions AddFull() => AddEmpty().Complement();

    public Coalitions Add(ReadOnlySpan<ulong> coalition)
    {
        Grow();
        coalition.CopyTo(bits.AsSpan(Count * Words, Words));
        Count++;
        return this;
    }

    /// <summary>Adds those who are not in <paramref name="coalition"/>.</summary>
    public Coalitions AddComplement(ReadOnlySpan<ulong> coalition) => Add(coalition).Complement();

    public void Clear() => Count = 0;

    public void RemoveLast() => Count--;

    /// <summary>The players of a coalition, in order.</summary>
    public static List<int> Members(ReadOnlySpan<ulong> coalition)
    {
        var members = new List<int>();
        for (int w = 0; w < coalition.Length; w++)
            for (ulong rest = coalition[w]; rest != 0; rest &= rest - 1) members.Add(w * 64 + BitOperations.TrailingZeroCount(rest));
        return members;
    }

    private Coalitions Complement()
    {
        Span<ulong> words = bits.AsSpan((Count - 1) * Words, Words);
        for (int w = 0; w < words.Length; w++) words[w] = ~words[w];
        words[^1] &= last;
        return this;
    }

    private void Grow()
    {
        if ((Count + 1) * Words > bits.Length) Array.Resize(ref bits, Math.Max(2 * bits.Length, (Count + 1) * Words));
    }
}
