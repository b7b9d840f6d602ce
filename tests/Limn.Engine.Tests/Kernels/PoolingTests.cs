using Limn.Engine.Kernels;

namespace Limn.Engine.Tests.Kernels;

public sealed class PoolingTests
{
    [Fact]
    public void Max_pooling_matches_the_naive_loops_with_and_without_indices()
    {
        var random = new Random(1);
        for (int i = 0; i < 300; i++)
        {
            PoolingShape shape = RandomShape(random);
            float[] x = Numbers.Random(shape.InputLength, i);
            // Few distinct values make ties, and some NaN.
            for (int j = 0; j < x.Length; j++) x[j] = random.Next(40) == 0 ? float.NaN : MathF.Round(x[j] * 3) + 0.5f;
            float[] y = new float[shape.OutputLength], again = new float[shape.OutputLength];
            long[] indices = new long[y.Length];
            Pooling.Max(shape, x, y, indices, Workers.Single);
            Pooling.Max(shape, x, again, [], Workers.Single);
            Assert.Equal(y, again);
            float[] expected = new float[y.Length];
            long[] expectedIndices = new long[y.Length];
            ForEachWindow(shape, (o, window, _) =>
            {
                int best = -1;
                foreach (int at in window)
                {
                    if (best < 0 || x[at] > x[best] || (float.IsNaN(x[at]) && !float.IsNaN(x[best]))) best = at;
                }
                expected[o] = best < 0 ? float.NegativeInfinity : x[best];
                expectedIndices[o] = best;
            });
            Assert.Equal(expected, y);
            Assert.Equal(expectedIndices, indices);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Average_pooling_and_its_gradient_match_the_naive_loops(bool countIncludePad)
    {
        var random = new Random(2);
        for (int i = 0; i < 300; i++)
        {
            PoolingShape shape = RandomShape(random);
            float[] x = Numbers.Random(shape.InputLength, 1), dy = Numbers.Random(shape.OutputLength, 2), y = new float[dy.Length], dx = new float[x.Length];
            Array.Fill(dx, float.NaN);
            Pooling.Average(shape, countIncludePad, x, y, Workers.Single);
            Pooling.AverageBackward(shape, countIncludePad, dy, dx, Workers.Single);
            double[] expected = new double[y.Length], expectedDx = new double[x.Length];
            ForEachWindow(shape, (o, window, padded) =>
            {
                int count = countIncludePad ? padded : window.Count;
                foreach (int at in window)
                {
                    expected[o] += (double)x[at] / count;
                    expectedDx[at] += (double)dy[o] / count;
                }
            });
            for (int j = 0; j < y.Length; j++) Assert.Equal(expected[j], y[j], 1e-5);
            for (int j = 0; j < dx.Length; j++) Assert.Equal(expectedDx[j], dx[j], 1e-5);
        }
    }

    [Fact]
    public void Max_pooling_ties_go_to_the_first_maximum_in_row_major_order()
    {
        var shape = new PoolingShape { Planes = 2, Height = new(2, 1, 2), Width = new(2, 1, 2) };
        long[] indices = new long[2];
        float[] y = new float[2];
        Pooling.Max(shape, [0, 7, 7, 7, 1, 1, 1, 1], y, indices, Workers.Single);
        Assert.Equal([1, 4], indices);
        Assert.Equal([7, 1], y);
        float none = float.NegativeInfinity;
        Pooling.Max(shape, [none, none, none, none, 0, float.NaN, 9, float.NaN], y, indices, Workers.Single);
        Assert.Equal([0, 5], indices);
        Assert.Equal([none, float.NaN], y);
    }

    [Fact]
    public void A_window_wholly_in_the_padding_gives_minus_infinity_or_zero()
    {
        var shape = new PoolingShape { Planes = 1, Width = new(1, 3, 1, 1, 1, 1, 1) };
        float[] y = new float[3];
        long[] indices = new long[3];
        Pooling.Max(shape, [5], y, indices, Workers.Single);
        Assert.Equal([float.NegativeInfinity, 5, float.NegativeInfinity], y);
        Assert.Equal([-1, 0, -1], indices);
        Pooling.Average(shape, false, [5], y, Workers.Single);
        Assert.Equal([0, 5, 0], y);
    }

    [Fact]
    public void Average_pooling_that_rounds_up_counts_no_position_beyond_the_padding()
    {
        // Three inputs, windows of 2, stride 2, one pad before and none after: the last window of three hangs over the end.
        var shape = new PoolingShape { Planes = 1, Width = new(4, 3, 2, 2, 1, 1, 0) };
        float[] y = new float[3];
        Pooling.Average(shape, true, [2, 4, 6, 8], y, Workers.Single);
        Assert.Equal([1, 5, 8], y);
        Pooling.Average(shape, false, [2, 4, 6, 8], y, Workers.Single);
        Assert.Equal([2, 5, 8], y);
    }

    [Fact]
    public void Pooling_gives_the_same_bits_with_any_number_of_threads()
    {
        var axis = new WindowAxis(40, 20, 3, 2, 1, 1, 1);
        var shape = new PoolingShape { Planes = 70, Height = axis, Width = axis };
        float[] x = Numbers.Random(shape.InputLength, 1), one = new float[shape.OutputLength], many = new float[shape.OutputLength];
        Pooling.Max(shape, x, one, [], Workers.Single);
        Pooling.Max(shape, x, many, [], new Workers(4));
        Assert.Equal(one, many);
        Pooling.Average(shape, true, x, one, Workers.Single);
        Pooling.Average(shape, true, x, many, new Workers(4));
        Assert.Equal(one, many);
        float[] dx = new float[x.Length], dxMany = new float[x.Length];
        Pooling.AverageBackward(shape, true, one, dx, Workers.Single);
        Pooling.AverageBackward(shape, true, one, dxMany, new Workers(4));
        Assert.Equal(dx, dxMany);
    }

    private static PoolingShape RandomShape(Random random)
    {
        int[] planes = [0, 1, 2, 5];
        int dimensions = 1 + random.Next(3);
        return new()
        {
            Planes = planes[random.Next(4)],
            Depth = dimensions == 3 ? RandomAxis(random) : WindowAxis.One,
            Height = dimensions >= 2 ? RandomAxis(random) : WindowAxis.One,
            Width = RandomAxis(random),
        };
    }

    private static WindowAxis RandomAxis(Random random)
    {
        int kernel = 1 + random.Next(4), stride = 1 + random.Next(3), dilation = 1 + random.Next(2), before = random.Next(kernel), after = random.Next(kernel);
        int input = 1 + random.Next(9), extent = (kernel - 1) * dilation + 1;
        while (input + before + after < extent) input++;
        // Now and then one window more, as rounding up makes it.
        return new(input, (input + before + after - extent) / stride + 1 + random.Next(2), kernel, stride, dilation, before, after);
    }

    /// <summary>For each window: its output, its positions on the input, and how many it has on the padded input.</summary>
    private static void ForEachWindow(PoolingShape s, Action<int, List<int>, int> body)
    {
        int o = 0;
        for (int plane = 0; plane < s.Planes; plane++)
        for (int d = 0; d < s.Depth.Output; d++)
        for (int h = 0; h < s.Height.Output; h++)
        for (int w = 0; w < s.Width.Output; w++, o++)
        {
            var window = new List<int>();
            int padded = 0;
            for (int kd = 0; kd < s.Depth.Kernel; kd++)
            for (int kh = 0; kh < s.Height.Kernel; kh++)
            for (int kw = 0; kw < s.Width.Kernel; kw++)
            {
                int inD = At(s.Depth, d, kd), inH = At(s.Height, h, kh), inW = At(s.Width, w, kw);
                if (inD < s.Depth.Input + s.Depth.PadEnd && inH < s.Height.Input + s.Height.PadEnd && inW < s.Width.Input + s.Width.PadEnd) padded++;
                if ((uint)inD < s.Depth.Input && (uint)inH < s.Height.Input && (uint)inW < s.Width.Input)
                    window.Add(((plane * s.Depth.Input + inD) * s.Height.Input + inH) * s.Width.Input + inW);
            }
            body(o, window, padded);
        }
    }

    private static int At(WindowAxis axis, int output, int tap) => output * axis.Stride + tap * axis.Dilation - axis.PadBegin;
}
