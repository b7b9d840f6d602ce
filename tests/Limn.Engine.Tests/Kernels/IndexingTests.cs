using Limn.Engine.Kernels;

namespace Limn.Engine.Tests.Kernels;

public sealed class IndexingTests
{
    [Fact]
    public void Gather_matches_the_naive_loop_and_scatter_add_is_its_adjoint()
    {
        var random = new Random(51);
        for (int i = 0; i < 200; i++)
        {
            int outer = random.Next(4), axis = random.Next(1, 9), inner = random.Next(4) == 0 ? 1 : random.Next(1, 40);
            long[] indices = [.. Enumerable.Range(0, random.Next(12)).Select(_ => (long)random.Next(-axis, axis))];
            float[] x = Naive.Floats(random, outer * axis * inner), y = new float[outer * indices.Length * inner];
            Indexing.Gather(x, outer, axis, inner, indices, y, Naive.Three);
            float[] dy = Naive.Floats(random, y.Length), dx = new float[x.Length], expected = new float[x.Length];
            Indexing.ScatterAdd(dy, indices, dx, outer, axis, inner, Naive.Three);
            for (int at = 0; at < y.Length; at++)
            {
                long k = indices[at / inner % indices.Length];
                long from = (at / inner / indices.Length * (long)axis + (k < 0 ? k + axis : k)) * inner + at % inner;
                Assert.Equal(x[from], y[at]);
                expected[from] += dy[at];
            }
            Naive.SameBits(expected, dx);
        }
    }

    [Fact]
    public void Scatter_add_keeps_its_order_whatever_the_number_of_threads()
    {
        var random = new Random(52);
        long[] indices = [.. Enumerable.Range(0, 500).Select(_ => (long)random.Next(7))];
        float[] dy = Naive.Floats(random, 500 * 2500), one = new float[7 * 2500], three = new float[7 * 2500];
        Indexing.ScatterAdd(dy, indices, one, 1, 7, 2500, Workers.Single);
        Indexing.ScatterAdd(dy, indices, three, 1, 7, 2500, Naive.Three);
        Naive.SameBits(one, three);
    }

    [Fact]
    public void Gather_elements_matches_the_naive_loop()
    {
        var random = new Random(53);
        for (int i = 0; i < 200; i++)
        {
            (int[] dims, int axis, int[] indicesDims, long[] indices) = Elements(random);
            long[] x = Naive.Longs(random, Naive.Count(dims)), y = new long[indices.Length];
            Indexing.GatherElements(x, dims, axis, indices, indicesDims, y, Naive.Three);
            int at = 0;
            foreach (int[] index in Naive.Indices(indicesDims))
            {
                index[axis] = (int)(indices[at] < 0 ? indices[at] + dims[axis] : indices[at]);
                Assert.Equal(x[Naive.Flat(index, dims)], y[at++]);
            }
        }
    }

    [Theory]
    [InlineData((int)ScatterMode.None)]
    [InlineData((int)ScatterMode.Add)]
    [InlineData((int)ScatterMode.Multiply)]
    [InlineData((int)ScatterMode.Max)]
    [InlineData((int)ScatterMode.Min)]
    public void Scatter_elements_matches_the_naive_loop(int modeNumber)
    {
        var mode = (ScatterMode)modeNumber;
        var random = new Random(54);
        for (int i = 0; i < 100; i++)
        {
            (int[] dims, int axis, int[] indicesDims, long[] indices) = Elements(random);
            float[] y = Naive.Floats(random, Naive.Count(dims)), expected = [.. y], updates = Naive.Floats(random, indices.Length);
            Indexing.ScatterElements(y, dims, axis, indices, indicesDims, updates, mode);
            int at = 0;
            foreach (int[] index in Naive.Indices(indicesDims))
            {
                index[axis] = (int)(indices[at] < 0 ? indices[at] + dims[axis] : indices[at]);
                ref float there = ref expected[Naive.Flat(index, dims)];
                float update = updates[at++];
                there = mode switch
                {
                    ScatterMode.Add => there + update,
                    ScatterMode.Multiply => there * update,
                    ScatterMode.Max => MathF.Max(there, update),
                    ScatterMode.Min => MathF.Min(there, update),
                    _ => update,
                };
            }
            Naive.SameBits(expected, y);
        }
    }

    [Fact]
    public void An_index_out_of_range_is_named_and_nothing_is_written()
    {
        var y = new float[2];
        string message = Assert.Throws<InvalidDataException>(() => Indexing.Gather(new float[] { 1, 2, 3 }, 1, 3, 1, [0, 3], y, Workers.Single)).Message;
        Assert.Contains("Index 3", message, StringComparison.Ordinal);
        Assert.Equal([0f, 0f], y);
        Assert.Throws<InvalidDataException>(() => Indexing.ScatterAdd(new float[1], [-4], new float[3], 1, 3, 1, Workers.Single));
        Assert.Throws<InvalidDataException>(() => Indexing.GatherElements(new float[3], [3], 0, [long.MaxValue], [1], new float[1], Workers.Single));
        Assert.Throws<InvalidDataException>(() => Indexing.ScatterElements(new float[3], [3], 0, [5], [1], new float[1], ScatterMode.Add));
        Assert.Throws<ShapeMismatchException>(() => Indexing.GatherElements(new float[3], [1, 3], 1, new long[4], [2, 2], new float[4], Workers.Single));
    }

    private static (int[] Dims, int Axis, int[] IndicesDims, long[] Indices) Elements(Random random)
    {
        int[] dims = [.. Naive.Shape(random, 3).Select(d => Math.Max(1, d))];
        if (dims.Length == 0) dims = [4];
        int axis = random.Next(dims.Length);
        int[] indicesDims = [.. dims.Select((d, k) => k == axis ? random.Next(1, 7) : random.Next(d == 1 ? 1 : 0, d + 1))];
        return (dims, axis, indicesDims, [.. Enumerable.Range(0, Naive.Count(indicesDims)).Select(_ => (long)random.Next(-dims[axis], dims[axis]))]);
    }
}
