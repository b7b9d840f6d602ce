using System.Runtime.InteropServices;
using Limn.Engine.Kernels;

namespace Limn.Engine.Tests.Kernels;

/// <summary>What the kernels are held against: shapes walked one element at a time, and data to walk them with.</summary>
internal static class Naive
{
    public static readonly Workers Three = new(3);

    public static int Count(int[] dims) => dims.Aggregate(1, (a, b) => a * b);

    /// <summary>Every index of a shape, in row-major order.</summary>
    public static IEnumerable<int[]> Indices(int[] dims)
    {
        int count = Count(dims);
        for (int flat = 0; flat < count; flat++) yield return IndexOf(flat, dims);
    }

    public static int[] IndexOf(int flat, int[] dims)
    {
        var index = new int[dims.Length];
        for (int d = dims.Length - 1; d >= 0; d--) (flat, index[d]) = Math.DivRem(flat, dims[d]);
        return index;
    }

    public static int Flat(ReadOnlySpan<int> index, int[] dims)
    {
        int flat = 0;
        for (int d = 0; d < dims.Length; d++) flat = flat * dims[d] + index[d];
        return flat;
    }

    /// <summary>The element of an array of <paramref name="dims"/> that broadcasts to <paramref name="index"/>.</summary>
    public static int BroadcastFlat(int[] index, int[] dims)
    {
        var own = new int[dims.Length];
        for (int d = 0; d < dims.Length; d++) own[d] = dims[d] == 1 ? 0 : index[index.Length - dims.Length + d];
        return Flat(own, dims);
    }

    public static float[] Floats(Random random, int count) => Floats(random, count, 3);

    public static float[] Floats(Random random, int count, double scale)
    {
        var x = new float[count];
        for (int i = 0; i < count; i++) x[i] = (float)((random.NextDouble() * 2 - 1) * scale);
        return x;
    }

    public static long[] Longs(Random random, int count) => Longs(random, count, 9);

    public static long[] Longs(Random random, int count, int bound)
    {
        var x = new long[count];
        for (int i = 0; i < count; i++) x[i] = random.Next(-bound, bound + 1);
        return x;
    }

    public static bool[] Bools(Random random, int count)
    {
        var x = new bool[count];
        for (int i = 0; i < count; i++) x[i] = random.Next(2) == 1;
        return x;
    }

    /// <summary>A shape of up to <paramref name="maxRank"/> axes, with ones and now and then a zero among them.</summary>
    public static int[] Shape(Random random, int maxRank = 5)
    {
        var dims = new int[random.Next(maxRank + 1)];
        for (int d = 0; d < dims.Length; d++) dims[d] = random.Next(10) switch { 0 => random.Next(3) == 0 ? 0 : 1, 1 or 2 => 1, 3 => random.Next(15, 40), _ => random.Next(2, 6) };
        return Count(dims) > 20000 ? dims[..^1] : dims;
    }

    /// <summary>A shape that broadcasts to the given one.</summary>
    public static int[] Smaller(Random random, int[] dims)
    {
        int[] smaller = dims[random.Next(dims.Length + 1)..];
        for (int d = 0; d < smaller.Length; d++) if (random.Next(3) == 0) smaller[d] = 1;
        return smaller;
    }

    /// <summary>Equality of bits: NaN equals itself, −0 does not equal 0.</summary>
    public static void SameBits(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        ReadOnlySpan<int> a = MemoryMarshal.Cast<float, int>(expected), b = MemoryMarshal.Cast<float, int>(actual);
        Assert.Equal(a.Length, b.Length);
        int at = a.CommonPrefixLength(b);
        Assert.True(at == a.Length, at == a.Length ? "" : $"element {at}: expected {expected[at]:G9}, got {actual[at]:G9}");
    }

    /// <summary>Closeness relative to the larger of 1 and the expected magnitude; NaN and infinities must be the same.</summary>
    public static void Close(double expected, float actual, double tolerance, string what = "")
    {
        if (double.IsNaN(expected)) Assert.True(float.IsNaN(actual), $"{what}: expected NaN, got {actual}");
        else if (double.IsInfinity(expected) || float.IsInfinity(actual)) Assert.True((float)expected == actual, $"{what}: expected {expected}, got {actual}");
        else Assert.True(Math.Abs(expected - actual) <= tolerance * Math.Max(1, Math.Abs(expected)), $"{what}: expected {expected:G9}, got {actual:G9}");
    }
}
