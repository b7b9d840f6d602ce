using Limn.Engine.Kernels;

namespace Limn.Engine.Tests.Kernels;

public sealed class BroadcastTests
{
    [Fact]
    public void Every_function_of_floats_matches_the_naive_loop_over_random_shapes()
    {
        Check<AddFunction<float>, float, float>(Naive.Floats, (a, b) => a + b);
        Check<SubtractFunction<float>, float, float>(Naive.Floats, (a, b) => a - b);
        Check<MultiplyFunction<float>, float, float>(Naive.Floats, (a, b) => a * b);
        Check<DivideFunction, float, float>(Naive.Floats, (a, b) => a / b);
        Check<MaxFunction<float>, float, float>(Naive.Floats, MathF.Max);
        Check<MinFunction<float>, float, float>(Naive.Floats, MathF.Min);
        Check<PowFunction, float, float>(Naive.Floats, MathF.Pow);
        Check<Scalars<float, RemainderFloat>, float, float>(Naive.Floats, (a, b) => a % b);
        Check<Scalars<float, ModFloat>, float, float>(Naive.Floats, (a, b) => (float)(a - b * Math.Floor((double)a / b)), 1e-5);
    }

    [Fact]
    public void Every_function_of_integers_matches_the_naive_loop_over_random_shapes()
    {
        Check<AddFunction<long>, long, long>(Nonzero, (a, b) => a + b);
        Check<SubtractFunction<long>, long, long>(Nonzero, (a, b) => a - b);
        Check<MultiplyFunction<long>, long, long>(Nonzero, (a, b) => a * b);
        Check<MaxFunction<long>, long, long>(Nonzero, Math.Max);
        Check<MinFunction<long>, long, long>(Nonzero, Math.Min);
        Check<Dividing<DivideInt>, long, long>(Nonzero, (a, b) => a / b);
        Check<Dividing<ModInt>, long, long>(Nonzero, (a, b) => a - b * (long)Math.Floor((double)a / b));
        Check<Dividing<RemainderInt>, long, long>(Nonzero, (a, b) => a % b);
        Check<Scalars<long, PowInt>, long, long>(Nonzero, (a, b) => (long)Math.Pow(a, b));
    }

    [Fact]
    public void Comparisons_and_logic_match_the_naive_loop_over_random_shapes()
    {
        Check<Compare<float, IsEqual<float>>, float, bool>(Coarse, (a, b) => a == b);
        Check<Compare<float, IsGreater<float>>, float, bool>(Coarse, (a, b) => a > b);
        Check<Compare<float, IsGreaterOrEqual<float>>, float, bool>(Coarse, (a, b) => a >= b);
        Check<Compare<float, IsLess<float>>, float, bool>(Coarse, (a, b) => a < b);
        Check<Compare<float, IsLessOrEqual<float>>, float, bool>(Coarse, (a, b) => a <= b);
        Check<Compare<long, IsEqual<long>>, long, bool>(Nonzero, (a, b) => a == b);
        Check<Compare<long, IsGreater<long>>, long, bool>(Nonzero, (a, b) => a > b);
        Check<Compare<long, IsGreaterOrEqual<long>>, long, bool>(Nonzero, (a, b) => a >= b);
        Check<Compare<long, IsLess<long>>, long, bool>(Nonzero, (a, b) => a < b);
        Check<Compare<long, IsLessOrEqual<long>>, long, bool>(Nonzero, (a, b) => a <= b);
        Check<EqualBoolFunction, bool, bool>(Naive.Bools, (a, b) => a == b);
        Check<AndFunction, bool, bool>(Naive.Bools, (a, b) => a && b);
        Check<OrFunction, bool, bool>(Naive.Bools, (a, b) => a || b);
        Check<XorFunction, bool, bool>(Naive.Bools, (a, b) => a != b);
    }

    [Fact]
    public void Every_length_is_right_row_with_row_and_with_scalars()
    {
        var random = new Random(5);
        for (int n = 0; n <= 70; n++)
        {
            foreach ((int[] a, int[] b) in new (int[], int[])[] { ([n], [n]), ([n], []), ([1], [n]), ([3, n], [n]), ([3, n], [3, 1]), ([n, 3], [n, 1]) })
            {
                One<SubtractFunction<float>, float, float>(random, a, b, Naive.Floats, (p, q) => p - q, 0);
                One<Compare<float, IsLess<float>>, float, bool>(random, a, b, Coarse, (p, q) => p < q, 0);
                One<Compare<long, IsLess<long>>, long, bool>(random, a, b, Nonzero, (p, q) => p < q, 0);
                One<EqualBoolFunction, bool, bool>(random, a, b, Naive.Bools, (p, q) => p == q, 0);
            }
        }
    }

    [Fact]
    public void A_short_row_under_many_rows_is_right_on_either_side()
    {
        var random = new Random(9);
        foreach (int n in new[] { 2, 3, 7, 63 })
        {
            foreach (int rows in new[] { 511, 512, 777 })
            {
                One<SubtractFunction<float>, float, float>(random, [rows, n], [n], Naive.Floats, (p, q) => p - q, 0);
                One<SubtractFunction<float>, float, float>(random, [1, n], [rows, n], Naive.Floats, (p, q) => p - q, 0);
            }
        }
    }

    [Fact]
    public void Where_selects_over_random_shapes_and_every_length()
    {
        var random = new Random(6);
        for (int i = 0; i < 300; i++)
        {
            int[] dims = i < 71 ? [i] : Naive.Shape(random);
            int[] c = i < 71 ? dims : Naive.Smaller(random, dims), a = Naive.Smaller(random, dims), b = Naive.Smaller(random, dims);
            CheckWhere(c, a, b, Naive.Floats(random, Naive.Count(a)), Naive.Floats(random, Naive.Count(b)), random);
            CheckWhere(c, a, b, Naive.Longs(random, Naive.Count(a)), Naive.Longs(random, Naive.Count(b)), random);
            CheckWhere(c, a, b, Naive.Bools(random, Naive.Count(a)), Naive.Bools(random, Naive.Count(b)), random);
        }
    }

    [Fact]
    public void Expand_and_sum_to_are_adjoint()
    {
        var random = new Random(7);
        for (int i = 0; i < 200; i++)
        {
            int[] large = Naive.Shape(random), small = Naive.Smaller(random, large);
            float[] x = Naive.Floats(random, Naive.Count(small)), y = new float[Naive.Count(large)];
            Broadcast.Expand(x, small, y, large, Naive.Three);
            int at = 0;
            foreach (int[] index in Naive.Indices(large)) Assert.Equal(x[Naive.BroadcastFlat(index, small)], y[at++]);

            float[] dy = Naive.Floats(random, y.Length), dx = new float[x.Length];
            Reduction.SumTo(dy, large, dx, small, Naive.Three);
            double forward = y.Zip(dy, (p, q) => (double)p * q).Sum(), backward = x.Zip(dx, (p, q) => (double)p * q).Sum();
            Assert.Equal(forward, backward, 1e-4 * Math.Max(1, y.Length / 10.0));
        }
    }

    [Fact]
    public void NaN_propagates_through_max_and_min_and_fails_every_comparison()
    {
        float[] a = new float[40], b = new float[40], y = new float[40];
        Array.Fill(a, float.NaN);
        Broadcast.Apply<MaxFunction<float>, float, float>(a, [40], b, [40], y, [40], Workers.Single);
        Assert.All(y, v => Assert.True(float.IsNaN(v)));
        Broadcast.Apply<MinFunction<float>, float, float>(b, [40], a, [40], y, [40], Workers.Single);
        Assert.All(y, v => Assert.True(float.IsNaN(v)));
        var t = new bool[40];
        Broadcast.Apply<Compare<float, IsEqual<float>>, float, bool>(a, [40], a, [40], t, [40], Workers.Single);
        Assert.All(t, Assert.False);
        Broadcast.Apply<Compare<float, IsLessOrEqual<float>>, float, bool>(a, [40], b, [40], t, [40], Workers.Single);
        Assert.All(t, Assert.False);
    }

    [Theory]
    [InlineData(2f)]
    [InlineData(3f)]
    [InlineData(1f)]
    [InlineData(-1f)]
    [InlineData(0.5f)]
    [InlineData(0f)]
    [InlineData(2.5f)]
    public void Powers_to_a_scalar_agree_with_the_library_at_the_special_values(float exponent)
    {
        float[] x = [0f, -0f, 1f, -1f, 4f, -8f, 0.1f, float.NaN, float.PositiveInfinity, float.NegativeInfinity, 1e-40f, 1e30f];
        var y = new float[x.Length];
        Broadcast.Apply<PowFunction, float, float>(x, [x.Length], [exponent], [], y, [x.Length], Workers.Single);
        for (int i = 0; i < x.Length; i++) Naive.Close(MathF.Pow(x[i], exponent), y[i], 2e-7, $"{x[i]}^{exponent}");
    }

    [Fact]
    public void Dividing_integers_by_zero_says_so_and_the_least_integer_wraps_around()
    {
        long[] y = [0, 0];
        Assert.Contains("by zero", Assert.Throws<InvalidDataException>(
            () => Broadcast.Apply<Dividing<DivideInt>, long, long>([1, 2], [2], [1, 0], [2], y, [2], Workers.Single)).Message, StringComparison.Ordinal);
        Assert.Throws<InvalidDataException>(() => Broadcast.Apply<Dividing<ModInt>, long, long>([1, 2], [2], [0], [], y, [2], Workers.Single));
        Broadcast.Apply<Dividing<DivideInt>, long, long>([long.MinValue, -7], [2], [-1], [], y, [2], Workers.Single);
        Assert.Equal([long.MinValue, 7], y);
        Broadcast.Apply<Dividing<DivideInt>, long, long>([], [0], [0], [], [], [0], Workers.Single);
    }

    [Fact]
    public void Shapes_that_do_not_broadcast_are_named()
    {
        string message = Assert.Throws<ShapeMismatchException>(() => Broadcast.BroadcastDims([2, 3], [4, 3])).Message;
        Assert.Contains("[2, 3]", message, StringComparison.Ordinal);
        Assert.Contains("[4, 3]", message, StringComparison.Ordinal);
        Assert.Equal([2, 0, 3], Broadcast.BroadcastDims([2, 1, 3], [0, 1]));
        Assert.Equal([], Broadcast.BroadcastDims([], []));
        Assert.Throws<ShapeMismatchException>(() => Broadcast.Apply<DivideFunction, float, float>(new float[2], [2], new float[2], [2], new float[4], [2, 2], Workers.Single));
    }

    [Fact]
    public void The_number_of_threads_does_not_change_the_bits()
    {
        var random = new Random(8);
        foreach ((int[] a, int[] b) in new (int[], int[])[] { ([300_001], [300_001]), ([600, 501], [501]), ([600, 501], [600, 1]), ([2, 150_001], [1]), ([60_000, 5], [5]) })
        {
            float[] p = Naive.Floats(random, Naive.Count(a)), q = Naive.Floats(random, Naive.Count(b));
            float[] one = new float[p.Length], three = new float[p.Length];
            Broadcast.Apply<DivideFunction, float, float>(p, a, q, b, one, a, Workers.Single);
            Broadcast.Apply<DivideFunction, float, float>(p, a, q, b, three, a, Naive.Three);
            Naive.SameBits(one, three);
            for (int i = 0; i < p.Length; i += 997) Assert.Equal(p[i] / q[Naive.BroadcastFlat(Naive.IndexOf(i, a), b)], one[i]);
        }
    }

    private static void Check<TFunction, T, TResult>(Func<Random, int, T[]> data, Func<T, T, TResult> exact, double tolerance = 0)
        where TFunction : struct, IBinaryFunction<T, TResult>
        where T : unmanaged
        where TResult : unmanaged
    {
        var random = new Random(4);
        for (int i = 0; i < 60; i++)
        {
            int[] dims = Naive.Shape(random, 4);
            One<TFunction, T, TResult>(random, Naive.Smaller(random, dims), Naive.Smaller(random, dims), data, exact, tolerance);
        }
    }

    private static void One<TFunction, T, TResult>(Random random, int[] aDims, int[] bDims, Func<Random, int, T[]> data, Func<T, T, TResult> exact, double tolerance)
        where TFunction : struct, IBinaryFunction<T, TResult>
        where T : unmanaged
        where TResult : unmanaged
    {
        int[] yDims = Broadcast.BroadcastDims(aDims, bDims);
        T[] a = data(random, Naive.Count(aDims)), b = data(random, Naive.Count(bDims));
        var y = new TResult[Naive.Count(yDims)];
        Broadcast.Apply<TFunction, T, TResult>(a, aDims, b, bDims, y, yDims, Naive.Three);
        int at = 0;
        foreach (int[] index in Naive.Indices(yDims))
        {
            TResult expected = exact(a[Naive.BroadcastFlat(index, aDims)], b[Naive.BroadcastFlat(index, bDims)]), actual = y[at++];
            if (tolerance > 0) Naive.Close((float)(object)expected, (float)(object)actual, tolerance);
            else Assert.Equal(expected, actual);
        }
    }

    private static void CheckWhere<T>(int[] cDims, int[] aDims, int[] bDims, T[] a, T[] b, Random random)
        where T : unmanaged
    {
        bool[] c = Naive.Bools(random, Naive.Count(cDims));
        int[] yDims = Broadcast.BroadcastDims(cDims, Broadcast.BroadcastDims(aDims, bDims));
        var y = new T[Naive.Count(yDims)];
        Broadcast.Where(c, cDims, a, aDims, b, bDims, y, yDims, Naive.Three);
        int at = 0;
        foreach (int[] index in Naive.Indices(yDims))
        {
            Assert.Equal(c[Naive.BroadcastFlat(index, cDims)] ? a[Naive.BroadcastFlat(index, aDims)] : b[Naive.BroadcastFlat(index, bDims)], y[at++]);
        }
    }

    private static float[] Coarse(Random random, int count) => [.. Naive.Longs(random, count, 3).Select(v => (float)v)];

    private static long[] Nonzero(Random random, int count) => [.. Naive.Longs(random, count).Select(v => v == 0 ? 4 : v)];
}
