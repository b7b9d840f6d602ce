namespace Limn.Engine;

/// <summary>
/// Random numbers by counting: number <c>index</c> of a (seed, stream) is a function of these three, not of what was drawn before.
/// So work can be split over threads in any way and gives the same bits, and each item may have a stream of its own.
/// </summary>
/// <param name="Seed">The key.</param>
/// <param name="Stream">Which of the 2⁶⁴ independent sequences of the seed.</param>
/// <remarks>
/// Philox4x32-10 with the seed as its key and (index/2, stream) as its counter; each block of 128 bits gives two numbers of 64.
/// Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011. All draws at one index use the same bits: take
/// <see cref="Uniform"/> and <see cref="Normal"/> from different indices or streams. Normal numbers go through the platform's logarithm, sine and
/// cosine, whose last bits may differ between platforms. Not for secrets.
/// </remarks>
public readonly record struct CounterRandom(ulong Seed, ulong Stream = 0)
{
    /// <summary>64 random bits.</summary>
    public ulong Bits(ulong index)
    {
        (ulong even, ulong odd) = Pair(index >> 1);
        return (index & 1) == 0 ? even : odd;
    }

    /// <summary>A number from [0, 1), a multiple of 2⁻⁵³.</summary>
    public double Uniform(ulong index) => ToUniform(Bits(index));

    /// <summary>
    /// A standard normal number, by the polar form of two uniform ones (Box, Muller 1958): √(−2 ln(1 − u)) · cos 2πv for even
    /// indices, sin for odd. Its magnitude is at most 8.6.
    /// </summary>
    public double Normal(ulong index)
    {
        (double cosine, double sine) = NormalPair(index >> 1);
        return (index & 1) == 0 ? cosine : sine;
    }

    /// <summary>A whole number from [0, <paramref name="bound"/>): the upper half of bits · bound (Lemire 2019), biased by less than bound · 2⁻⁶⁴.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The bound is not positive.</exception>
    public int Below(int bound, ulong index)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bound);
        return (int)Math.BigMul(Bits(index), (ulong)bound, out _);
    }

    /// <summary>Fills with <see cref="Bits"/> of <paramref name="offset"/>, <paramref name="offset"/> + 1, ..., in half the time.</summary>
    public void FillBits(Span<ulong> values, ulong offset = 0)
    {
        for (int i = 0; i < values.Length; i++)
        {
            ulong index = offset + (ulong)i;
            (ulong even, ulong odd) = Pair(index >> 1);
            if ((index & 1) == 1) values[i] = odd;
            else
            {
                values[i] = even;
                if (++i < values.Length) values[i] = odd;
            }
        }
    }

    /// <summary>Fills with <see cref="Uniform"/> of <paramref name="offset"/>, <paramref name="offset"/> + 1, ..., rounded down to a float, so that 1 is never reached.</summary>
    public void FillUniform(Span<float> values, ulong offset = 0)
    {
        for (int i = 0; i < values.Length; i++) values[i] = (Bits(offset + (ulong)i) >> 40) * (1f / (1 << 24));
    }

    /// <summary>Fills with <see cref="Normal"/> of <paramref name="offset"/>, <paramref name="offset"/> + 1, ..., rounded to float.</summary>
    public void FillNormal(Span<float> values, ulong offset = 0)
    {
        for (int i = 0; i < values.Length; i++)
        {
            ulong index = offset + (ulong)i;
            if ((index & 1) == 1)
            {
                values[i] = (float)Normal(index);
                continue;
            }
            (double cosine, double sine) = NormalPair(index >> 1);
            values[i] = (float)cosine;
            if (++i < values.Length) values[i] = (float)sine;
        }
    }

    /// <summary>Puts the items into a random order, each order being as likely (Fisher, Yates; Durstenfeld 1964). Uses the indices from <paramref name="offset"/> to <paramref name="offset"/> + length − 2.</summary>
    public void Shuffle<T>(Span<T> items, ulong offset = 0)
    {
        for (int i = items.Length - 1; i > 0; i--)
        {
            int j = Below(i + 1, offset++);
            (items[i], items[j]) = (items[j], items[i]);
        }
    }

    /// <summary>The numbers from 0 to <paramref name="count"/> − 1 in random order.</summary>
    public int[] Permutation(int count, ulong offset = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        int[] order = new int[count];
        for (int i = 0; i < count; i++) order[i] = i;
        Shuffle(order.AsSpan(), offset);
        return order;
    }

    /// <summary>The ten rounds of Philox4x32 on a counter of four words (the first in the lowest bits) under a key of two.</summary>
    internal static (uint X0, uint X1, uint X2, uint X3) Philox(ulong counterLow, ulong counterHigh, ulong key)
    {
        (uint x0, uint x1, uint x2, uint x3) = ((uint)counterLow, (uint)(counterLow >> 32), (uint)counterHigh, (uint)(counterHigh >> 32));
        (uint k0, uint k1) = ((uint)key, (uint)(key >> 32));
        for (int round = 0; round < 10; round++)
        {
            ulong p0 = 0xD2511F53UL * x0, p1 = 0xCD9E8D57UL * x2;
            (x0, x1, x2, x3) = ((uint)(p1 >> 32) ^ x1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ x3 ^ k1, (uint)p0);
            k0 += 0x9E3779B9; // the golden ratio
            k1 += 0xBB67AE85; // the square root of 3, less 1
        }
        return (x0, x1, x2, x3);
    }

    private static double ToUniform(ulong bits) => (bits >> 11) * (1.0 / (1UL << 53));

    private (ulong Even, ulong Odd) Pair(ulong block)
    {
        (uint x0, uint x1, uint x2, uint x3) = Philox(block, Stream, Seed);
        return (x0 | ((ulong)x1 << 32), x2 | ((ulong)x3 << 32));
    }

    private (double Cosine, double Sine) NormalPair(ulong block)
    {
        (ulong even, ulong odd) = Pair(block);
        double radius = Math.Sqrt(-2 * Math.Log(1 - ToUniform(even)));
        (double sine, double cosine) = Math.SinCos(2 * Math.PI * ToUniform(odd));
        return (radius * cosine, radius * sine);
    }
}
