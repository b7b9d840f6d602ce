using Limn.Engine.Kernels;

namespace Limn.Engine.Tests.Kernels;

public sealed class ReductionTests
{
    private delegate void Kernel<T>(ReadOnlySpan<T> x, ReadOnlySpan<int> dims, ReadOnlySpan<int> axes, Span<T> y, Workers workers);

    private static readonly (string Name, Kernel<float> Kernel, Func<IEnumerable<double>, double> Exact)[] Floats =
    [
        ("sum", Reduction.Sum, x => x.Sum()),
        ("mean", Reduction.Mean, x => x.Sum() / x.Count()),
        ("max", Reduction.Max, x => x.Aggregate(double.NegativeInfinity, Math.Max)),
        ("min", Reduction.Min, x => x.Aggregate(double.PositiveInfinity, Math.Min)),
        ("product", Reduction.Product, x => x.Aggregate(1.0, (a, b) => a * b)),
        ("sum of squares", Reduction.SumOfSquares, x => x.Sum(v => v * v)),
        ("L1", Reduction.L1, x => x.Sum(Math.Abs)),
        ("L2", Reduction.L2, x => Math.Sqrt(x.Sum(v => v * v))),
        ("log-sum", Reduction.LogSum, x => Math.Log(x.Sum())),
        ("log-sum-exp", Reduction.LogSumExp, x => Math.Log(x.Sum(Math.Exp))),
    ];

    private static readonly (string Name, Kernel<long> Kernel, Func<IEnumerable<long>, long> Exact)[] Longs =
    [
        ("sum", Reduction.Sum, x => x.Sum()),
        ("mean", Reduction.Mean, x => x.Any() ? x.Sum() / x.Count() : 0),
        ("max", Reduction.Max, x => x.Aggregate(long.MinValue, Math.Max)),
        ("min", Reduction.Min, x => x.Aggregate(long.MaxValue, Math.Min)),
        ("product", Reduction.Product, x => x.Aggregate(1L, (a, b) => unchecked(a * b))),
    ];

    [Fact]
    public void Reductions_match_the_naive_loop_over_random_shapes_and_axes()
    {
        var random = new Random(11);
        for (int i = 0; i < 120; i++)
        {
            int[] dims = Naive.Shape(random, 4);
            int[] axes = [.. Enumerable.Range(0, dims.Length).Where(_ => random.Next(2) == 0).Select(a => random.Next(2) == 0 ? a : a - dims.Length)];
            CheckAll(random, dims, axes);
        }
    }

    [Fact]
    public void Reductions_are_right_at_every_length()
    {
        var random = new Random(12);
        for (int n = 0; n <= 70; n++)
        {
            CheckAll(random, [n], [0]);
            CheckAll(random, [2, n], [1]);
            CheckAll(random, [3, n], [0]);
        }
        CheckAll(random, [3, 600], [0]);
        CheckAll(random, [2, 3, 300], [1]);
    }

    [Fact]
    public void Of_nothing_a_sum_is_0_a_product_1_a_maximum_minus_infinity_and_a_mean_NaN()
    {
        float[] expected = [0, float.NaN, float.NegativeInfinity, float.PositiveInfinity, 1, 0, 0, 0, float.NegativeInfinity, float.NegativeInfinity];
        for (int k = 0; k < Floats.Length; k++)
        {
            float[] y = [5, 5];
            Floats[k].Kernel([], [2, 0], [1], y, Workers.Single);
            Assert.Equal([expected[k], expected[k]], y);
        }
    }

    [Fact]
    public void NaN_and_the_infinities_propagate()
    {
        foreach ((string name, Kernel<float> kernel, _) in Floats)
        {
            foreach (int[] dims in new int[][] { [1, 40], [40, 1], [2, 20, 3] })
            {
                float[] x = Naive.Floats(new Random(13), Naive.Count(dims)), y = new float[dims.Length == 3 ? 6 : 1];
                x[5] = float.NaN;
                kernel(x, dims, dims.Length == 3 ? [1] : [0, 1], y, Workers.Single);
                Assert.True(Array.Exists(y, float.IsNaN), name);
            }
        }
        float[] ends = [float.NegativeInfinity, float.NegativeInfinity, 1, float.PositiveInfinity], result = new float[2];
        Reduction.LogSumExp(ends, [2, 2], [1], result, Workers.Single);
        Assert.Equal([float.NegativeInfinity, float.PositiveInfinity], result);
        Reduction.LogSumExp(ends, [2, 2], [0], result, Workers.Single);
        Assert.Equal([1, float.PositiveInfinity], result);
        Reduction.LogSumExp([1000, 1000], [2], [0], result.AsSpan(0, 1), Workers.Single);
        Assert.Equal(1000.6931f, result[0], 1e-3f);
    }

    [Fact]
    public void A_long_sum_does_not_drift()
    {
        var x = new float[1 << 20];
        Array.Fill(x, 0.1f);
        float[] y = [0];
        Reduction.Sum(x, [x.Length], [0], y, Workers.Single);
        Assert.Equal((float)(x.Length * (double)0.1f), y[0]);
    }

    [Fact]
    public void The_number_of_threads_does_not_change_the_bits()
    {
        var random = new Random(14);
        foreach ((int[] dims, int[] axes) in new (int[], int[])[] { ([280, 1000], [1]), ([280, 1000], [0]), ([20, 30, 40, 12], [0, 2]), ([20, 30, 40, 12], [1, 3]) })
        {
            float[] x = Naive.Floats(random, Naive.Count(dims));
            int count = Naive.Count(Reduction.ReducedDims(dims, axes, keep: false));
            foreach ((_, Kernel<float> kernel, _) in Floats)
            {
                float[] one = new float[count], three = new float[count];
                kernel(x, dims, axes, one, Workers.Single);
                kernel(x, dims, axes, three, Naive.Three);
                Naive.SameBits(one, three);
            }
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_place_of_an_extreme_breaks_ties_by_order_and_counts_NaN_as_the_most_extreme(bool last)
    {
        var random = new Random(15);
        for (int i = 0; i < 200; i++)
        {
            int[] dims = Naive.Shape(random, 3);
            if (dims.Length == 0) continue;
            int axis = random.Next(dims.Length), length = dims[axis];
            if (length == 0) continue;
            (int outer, _, int inner) = Dims.Split(dims, axis);
            long[] integers = Naive.Longs(random, Naive.Count(dims), 2);
            float[] x = [.. integers.Select(v => v == 2 && random.Next(3) == 0 ? float.NaN : v)];
            long[] max = new long[outer * inner], min = new long[max.Length], maxInt = new long[max.Length], minInt = new long[max.Length];
            ArgExtremes.ArgMax(x, dims, axis - dims.Length, last, max, Naive.Three);
            ArgExtremes.ArgMin(x, dims, axis, last, min, Naive.Three);
            ArgExtremes.ArgMax(integers, dims, axis, last, maxInt, Naive.Three);
            ArgExtremes.ArgMin(integers, dims, axis, last, minInt, Naive.Three);
            for (int at = 0; at < max.Length; at++)
            {
                float[] line = [.. Enumerable.Range(0, length).Select(k => x[(at / inner * length + k) * inner + at % inner])];
                long[] lineInt = [.. Enumerable.Range(0, length).Select(k => integers[(at / inner * length + k) * inner + at % inner])];
                bool nan = Array.Exists(line, float.IsNaN);
                Assert.Equal(Place(line, v => nan ? float.IsNaN(v) : v == line.Max()), max[at]);
                Assert.Equal(Place(line, v => nan ? float.IsNaN(v) : v == line.Min()), min[at]);
                Assert.Equal(Place(lineInt, v => v == lineInt.Max()), maxInt[at]);
                Assert.Equal(Place(lineInt, v => v == lineInt.Min()), minInt[at]);
            }
        }
        Assert.Throws<ShapeMismatchException>(() => ArgExtremes.ArgMax(ReadOnlySpan<float>.Empty, [2, 0], 1, last, new long[2], Workers.Single));

        int Place<T>(T[] line, Predicate<T> wanted) => last ? Array.FindLastIndex(line, wanted) : Array.FindIndex(line, wanted);
    }

    [Fact]
    public void Wrong_axes_and_lengths_are_refused()
    {
        Assert.Throws<ShapeMismatchException>(() => Reduction.Sum(new float[6], [2, 3], [2], new float[2], Workers.Single));
        Assert.Throws<ShapeMismatchException>(() => Reduction.Sum(new float[6], [2, 3], [1, -1], new float[2], Workers.Single));
        Assert.Throws<ShapeMismatchException>(() => Reduction.Sum(new float[6], [2, 3], [1], new float[3], Workers.Single));
        Assert.Throws<ShapeMismatchException>(() => Reduction.SumTo(new float[6], [2, 3], new float[2], [2], Workers.Single));
        Assert.Equal([2, 1], Reduction.ReducedDims([2, 3], [-1], keep: true));
    }

    private static void CheckAll(Random random, int[] dims, int[] axes)
    {
        int[] reducedDims = Reduction.ReducedDims(dims, axes, keep: true);
        float[] x = Naive.Floats(random, Naive.Count(dims), 1.5);
        long[] integers = Naive.Longs(random, x.Length);
        int[] groups = [.. Naive.Indices(dims).Select(i => Naive.BroadcastFlat(i, reducedDims))];
        int count = Naive.Count(reducedDims);
        ILookup<int, int> members = Enumerable.Range(0, x.Length).ToLookup(i => groups[i]);
        foreach ((string name, Kernel<float> kernel, Func<IEnumerable<double>, double> exact) in Floats)
        {
            var y = new float[count];
            kernel(x, dims, axes, y, Naive.Three);
            for (int g = 0; g < count; g++)
            {
                // A logarithm of a sum near 0 has no digits to compare.
                double expected = exact(members[g].Select(i => (double)x[i]));
                Naive.Close(expected, y[g], expected < -5 ? 1e-4 : 1e-6, $"{name} of {Dims.Text(dims)} over {Dims.Text(axes)}");
            }
        }
        foreach ((string name, Kernel<long> kernel, Func<IEnumerable<long>, long> exact) in Longs)
        {
            var y = new long[count];
            kernel(integers, dims, axes, y, Naive.Three);
            for (int g = 0; g < count; g++) Assert.True(exact(members[g].Select(i => integers[i])) == y[g], name);
        }
    }
}
