using Limn.Engine.Kernels;

namespace Limn.Engine.Tests.Kernels;

public sealed class MovementTests
{
    [Fact]
    public void Transpose_matches_the_naive_loop_over_random_permutations_and_types()
    {
        var random = new Random(41);
        for (int i = 0; i < 300; i++)
        {
            int[] dims = Naive.Shape(random), permutation = [.. Enumerable.Range(0, dims.Length)];
            random.Shuffle(permutation);
            int count = Naive.Count(dims);
            CheckTranspose(Naive.Floats(random, count), dims, permutation);
            CheckTranspose(Naive.Longs(random, count), dims, permutation);
            CheckTranspose(Naive.Bools(random, count), dims, permutation);
        }
        foreach (int[] dims in new int[][] { [65, 33], [2, 70, 41], [3, 31, 64, 2] })
        {
            int[] last = [.. Enumerable.Range(0, dims.Length - 2), dims.Length - 1, dims.Length - 2];
            CheckTranspose(Naive.Floats(random, Naive.Count(dims)), dims, last);
            CheckTranspose(Naive.Floats(random, Naive.Count(dims)), dims, [.. Enumerable.Range(0, dims.Length).Reverse()]);
        }
        Assert.Throws<ShapeMismatchException>(() => Transpose.Apply(new float[4], [2, 2], [0, 0], new float[4], Workers.Single));
    }

    [Fact]
    public void Slices_with_any_step_match_the_naive_loop_and_write_back()
    {
        var random = new Random(42);
        for (int i = 0; i < 300; i++)
        {
            int[] dims = [.. Naive.Shape(random, 4).Select(d => Math.Max(1, d))];
            int rank = dims.Length;
            int[] starts = new int[rank], steps = new int[rank], yDims = new int[rank];
            for (int d = 0; d < rank; d++)
            {
                steps[d] = random.Next(3) == 0 ? 1 : random.Next(1, 4) * (random.Next(2) * 2 - 1);
                starts[d] = random.Next(dims[d]);
                int most = steps[d] > 0 ? (dims[d] - starts[d] + steps[d] - 1) / steps[d] : starts[d] / -steps[d] + 1;
                yDims[d] = random.Next(4) == 0 ? random.Next(most + 1) : most;
            }
            float[] x = Naive.Floats(random, Naive.Count(dims)), y = new float[Naive.Count(yDims)];
            Slicing.Slice(x, dims, starts, steps, y, yDims, Naive.Three);
            float[] written = new float[x.Length], expected = new float[x.Length];
            Slicing.SetSlice(y, yDims, starts, steps, written, dims, Naive.Three);
            int at = 0;
            foreach (int[] index in Naive.Indices(yDims))
            {
                int from = Naive.Flat(index.Select((k, d) => starts[d] + k * steps[d]).ToArray(), dims);
                Assert.Equal(x[from], y[at++]);
                expected[from] = x[from];
            }
            Assert.Equal(expected, written);
        }
        Assert.Throws<ShapeMismatchException>(() => Slicing.Slice(new float[5], [5], [3], [1], new float[3], [3], Workers.Single));
        Assert.Throws<ShapeMismatchException>(() => Slicing.Slice(new float[5], [5], [3], [-2], new float[3], [3], Workers.Single));
        Assert.Throws<ShapeMismatchException>(() => Slicing.Slice(new float[5], [5], [0], [0], new float[1], [1], Workers.Single));
    }

    [Fact]
    public void Pad_draws_each_mode_as_documented()
    {
        Assert.Equal([7, 7, 1, 2, 3, 7], Pad([1, 2, 3], 2, 1, PadMode.Constant));
        Assert.Equal([3, 2, 1, 2, 3, 2], Pad([1, 2, 3], 2, 1, PadMode.Reflect));
        Assert.Equal([2, 1, 2, 1, 2, 1, 2], Pad([1, 2], 3, 2, PadMode.Reflect));
        Assert.Equal([1, 1, 1, 2, 3, 3], Pad([1, 2, 3], 2, 1, PadMode.Edge));
        Assert.Equal([2, 3, 1, 2, 3, 1], Pad([1, 2, 3], 2, 1, PadMode.Wrap));
        Assert.Equal([5, 5, 5], Pad([5], 1, 1, PadMode.Reflect));
        Assert.Equal([2], Pad([1, 2, 3], -1, -1, PadMode.Constant));
        Assert.Equal([3, 7, 7], Pad([1, 2, 3], -2, 2, PadMode.Constant));
        Assert.Equal([7, 7], Pad([], 1, 1, PadMode.Constant));
        Assert.Equal([], Pad([1, 2], -1, -1, PadMode.Edge));
        Assert.Throws<ShapeMismatchException>(() => Pad([], 1, 1, PadMode.Edge));
        Assert.Throws<ShapeMismatchException>(() => Pad([1, 2], -3, 0, PadMode.Constant));

        static float[] Pad(float[] x, int before, int after, PadMode mode)
        {
            var y = new float[Math.Max(0, x.Length + before + after)];
            Slicing.Pad(x, [x.Length], [before, after], mode, 7f, y, Workers.Single);
            return y;
        }
    }

    [Fact]
    public void Pad_of_many_axes_is_the_pad_of_each_axis()
    {
        var random = new Random(43);
        for (int i = 0; i < 200; i++)
        {
            int[] dims = [.. Naive.Shape(random, 4).Select(d => Math.Max(1, d))];
            int rank = dims.Length;
            int[] pads = [.. Enumerable.Range(0, 2 * rank).Select(d => random.Next(dims[d % rank] > 2 ? -1 : 0, 3))];
            var mode = (PadMode)random.Next(4);
            int[] yDims = Slicing.PaddedDims(dims, pads);
            long[] x = Naive.Longs(random, Naive.Count(dims)), y = new long[Naive.Count(yDims)];
            Slicing.Pad(x, dims, pads, mode, 77L, y, Naive.Three);
            int at = 0;
            foreach (int[] index in Naive.Indices(yDims))
            {
                var from = new int[rank];
                bool border = false;
                for (int d = 0; d < rank; d++)
                {
                    int low = Math.Max(0, -pads[d]), length = dims[d] - low - Math.Max(0, -pads[rank + d]), k = index[d] - Math.Max(0, pads[d]);
                    border |= mode == PadMode.Constant && (k < 0 || k >= length);
                    while (mode == PadMode.Reflect && length > 1 && (k < 0 || k >= length)) k = k < 0 ? -k : 2 * (length - 1) - k;
                    while (mode == PadMode.Wrap && (k < 0 || k >= length)) k += k < 0 ? length : -length;
                    from[d] = low + Math.Clamp(k, 0, length - 1);
                }
                Assert.Equal(border ? 77L : x[Naive.Flat(from, dims)], y[at++]);
            }
        }
    }

    [Fact]
    public void Concat_and_split_undo_each_other()
    {
        var random = new Random(44);
        for (int i = 0; i < 100; i++)
        {
            int outer = random.Next(4), inner = random.Next(1, 20), total = 0;
            int[] sizes = [.. Enumerable.Range(0, random.Next(1, 5)).Select(_ => random.Next(5))];
            var whole = new float[outer * sizes.Sum() * inner];
            var parts = sizes.Select(s => Naive.Floats(random, outer * s * inner)).ToArray();
            for (int p = 0; p < sizes.Length; total += sizes[p++]) Joining.ConcatPart(parts[p], sizes[p], whole, outer, sizes.Sum(), total, inner, Naive.Three);
            total = 0;
            for (int p = 0; p < sizes.Length; total += sizes[p++])
            {
                var part = new float[parts[p].Length];
                Joining.SplitPart(whole, sizes.Sum(), total, part, sizes[p], outer, inner, Naive.Three);
                Assert.Equal(parts[p], part);
                for (int o = 0; o < outer; o++)
                {
                    for (int k = 0; k < sizes[p] * inner; k++) Assert.Equal(parts[p][o * sizes[p] * inner + k], whole[(o * sizes.Sum() + total) * inner + k]);
                }
            }
        }
        Assert.Throws<ShapeMismatchException>(() => Joining.ConcatPart(new float[4], 2, new float[6], 2, 3, 2, 1, Workers.Single));
    }

    [Fact]
    public void Tile_repeats_along_every_axis()
    {
        var random = new Random(45);
        for (int i = 0; i < 100; i++)
        {
            int[] dims = Naive.Shape(random, 3), repeats = [.. dims.Select(_ => random.Next(4))], yDims = [.. dims.Zip(repeats, (d, r) => d * r)];
            bool[] x = Naive.Bools(random, Naive.Count(dims)), y = new bool[Naive.Count(yDims)];
            Joining.Tile(x, dims, repeats, y, Naive.Three);
            int at = 0;
            foreach (int[] index in Naive.Indices(yDims)) Assert.Equal(x[Naive.Flat(index.Select((k, d) => k % dims[d]).ToArray(), dims)], y[at++]);
        }
    }

    [Fact]
    public void Running_sums_match_the_naive_loop_in_all_four_directions()
    {
        var random = new Random(46);
        for (int i = 0; i < 160; i++)
        {
            int outer = random.Next(3), axis = random.Next(6), inner = random.Next(3) == 0 ? 300 : random.Next(1, 20);
            bool exclusive = i % 2 == 0, reverse = i % 4 < 2;
            long[] x = Naive.Longs(random, outer * axis * inner), y = new long[x.Length];
            Scan.CumulativeSum(x, y, outer, axis, inner, exclusive, reverse, Naive.Three);
            for (int at = 0; at < x.Length; at++)
            {
                int k = at / inner % axis, line = at - k * inner;
                Assert.Equal(Enumerable.Range(0, axis).Where(j => (j == k && !exclusive) || (reverse ? j > k : j < k)).Sum(j => x[line + j * inner]), y[at]);
            }
            Scan.CumulativeSum(x, x, outer, axis, inner, exclusive, reverse, Workers.Single);
            Assert.Equal(y, x);
        }
    }

    [Fact]
    public void The_number_of_threads_does_not_change_what_is_moved()
    {
        var random = new Random(47);
        int[] dims = [5, 300, 301], yDims = [301, 5, 300];
        float[] x = Naive.Floats(random, Naive.Count(dims)), y = new float[x.Length], back = new float[x.Length];
        Transpose.Apply(x, dims, [2, 0, 1], y, Naive.Three);
        Transpose.Apply(y, yDims, [1, 2, 0], back, Naive.Three);
        Naive.SameBits(x, back);
        Scan.CumulativeSum(x, y, 5, 300, 301, false, false, Workers.Single);
        Scan.CumulativeSum(x, back, 5, 300, 301, false, false, Naive.Three);
        Naive.SameBits(y, back);
    }

    private static void CheckTranspose<T>(T[] x, int[] dims, int[] permutation)
        where T : unmanaged
    {
        int[] yDims = Transpose.PermutedDims(dims, permutation);
        var y = new T[x.Length];
        Transpose.Apply(x, dims, permutation, y, Naive.Three);
        int at = 0;
        var from = new int[dims.Length];
        foreach (int[] index in Naive.Indices(yDims))
        {
            for (int d = 0; d < from.Length; d++) from[permutation[d]] = index[d];
            if (!x[Naive.Flat(from, dims)].Equals(y[at++])) Assert.Fail($"{Dims.Text(dims)} by {Dims.Text(permutation)} differs at {at - 1}");
        }
    }
}
