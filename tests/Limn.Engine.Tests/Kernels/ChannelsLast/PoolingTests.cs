using Limn.Engine.Kernels;
using Limn.Engine.Kernels.ChannelsLast;

namespace Limn.Engine.Tests.Kernels.ChannelsLast;

public sealed unsafe class PoolingTests
{
    private const int Guard = 16;

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    public void Max_pooling_and_its_gradient_are_those_of_channels_first_bit_for_bit(int width)
    {
        var random = new Random(width);
        for (int i = 0; i < 60; i++)
        {
            PooledShape shape = RandomShape(random);
            float[] x = Numbers.Random(shape.InputLength, i), dy = Numbers.Random(shape.OutputLength, i + 1);
            // Few distinct values make ties, and now and then there is a NaN or an infinity.
            for (int j = 0; j < x.Length; j++)
                x[j] = random.Next(40) switch { 0 => float.NaN, 1 => float.NegativeInfinity, 2 => float.PositiveInfinity, _ => MathF.Round(x[j] * 3) + 0.5f };
            float[] expected = new float[dy.Length], expectedDx = new float[x.Length];
            for (int o = 0; o < dy.Length; o++)
            {
                int best = -1;
                foreach (int at in Window(shape, o))
                {
                    if (best < 0 || x[at] > x[best] || (float.IsNaN(x[at]) && !float.IsNaN(x[best]))) best = at;
                }
                expected[o] = best < 0 ? float.NegativeInfinity : x[best];
                if (best >= 0) expectedDx[best] += dy[o];
            }
            bool gated = random.Next(2) == 0;
            for (int j = 0; gated && j < x.Length; j++) if (!(x[j] > 0)) expectedDx[j] = 0;
            foreach (int threads in new[] { 1, 3 })
            {
                float[] y = Guarded(dy.Length), dx = Guarded(x.Length);
                fixed (float* px = x, py = y, pdx = dx, pdy = dy)
                {
                    ChannelsLastPooling.Max((VectorWidth)width, shape, px, py + Guard, new Workers(threads));
                    ChannelsLastPooling.MaxGradient(
                        (VectorWidth)width, shape, px, py + Guard, pdy, new Epilogue { Gate = gated ? px : null }, pdx + Guard, new Workers(threads));
                }
                Same(expected, y, $"{shape}");
                Same(expectedDx, dx, $"{shape} gradient");
            }
        }
    }

    [Fact]
    public void The_gradient_of_max_pooling_is_the_same_for_any_cut_into_rows()
    {
        var shape = new PooledShape(2, 40, new(60, 30, 3, 2, 1, 1), new(60, 30, 3, 2, 1, 1));
        float[] x = Numbers.Random(shape.InputLength, 1), dy = Numbers.Random(shape.OutputLength, 2), y = new float[dy.Length], dx = new float[x.Length], again = new float[x.Length];
        fixed (float* px = x, py = y, pdy = dy, pdx = dx, pAgain = again)
        {
            ChannelsLastPooling.Max(shape, px, py, Workers.Single);
            ChannelsLastPooling.MaxGradient(shape, px, py, pdy, default, pdx, Workers.Single);
            Assert.Equal(Sum(dy), Sum(dx), 1e-3);
            for (int threads = 2; threads <= 8; threads++)
            {
                ChannelsLastPooling.MaxGradient(shape, px, py, pdy, default, pAgain, new Workers(threads));
                Naive.SameBits(dx, again);
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    public void Average_pooling_and_its_gradient_match_the_naive_sums_with_both_ways_of_counting(int width)
    {
        var random = new Random(width);
        for (int i = 0; i < 60; i++)
        {
            PooledShape shape = RandomShape(random);
            bool countPad = i % 2 == 0;
            float[] x = Numbers.Random(shape.InputLength, i), dy = Numbers.Random(shape.OutputLength, i + 1), y = Guarded(dy.Length), dx = Guarded(x.Length);
            double[] expected = new double[dy.Length], expectedDx = new double[x.Length];
            for (int o = 0; o < dy.Length; o++)
            {
                List<int> window = Window(shape, o);
                int count = countPad ? PaddedCount(shape, o) : window.Count;
                if (count == 0) continue;
                foreach (int at in window)
                {
                    expected[o] += (double)x[at] / count;
                    expectedDx[at] += (double)dy[o] / count;
                }
            }
            fixed (float* px = x, py = y, pdx = dx, pdy = dy)
            {
                ChannelsLastPooling.Average((VectorWidth)width, shape, countPad, px, py + Guard, Naive.Three);
                ChannelsLastPooling.AverageGradient((VectorWidth)width, shape, countPad, pdy, new Epilogue { Residual = px }, pdx + Guard, Naive.Three);
            }
            string what = $"{shape}", gradient = $"{shape} gradient";
            for (int j = 0; j < expected.Length; j++) Naive.Close(expected[j], y[Guard + j], 1e-5, what);
            for (int j = 0; j < x.Length; j++) Naive.Close(expectedDx[j] + x[j], dx[Guard + j], 1e-5, gradient);
            Untouched(y);
            Untouched(dx);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    public void Global_average_is_the_mean_rounded_once_and_its_gradient_the_share(int width)
    {
        var random = new Random(width);
        foreach (int channels in new[] { 1, 3, 15, 16, 17, 24, 33, 64, 100 })
        {
            int batch = random.Next(1, 4), positions = random.Next(1, 200);
            // Large numbers that cancel: a float sum would keep nothing of the rest.
            float[] x = Numbers.Random((long)batch * positions * channels, channels), dy = Numbers.Random(batch * channels, 1), y = Guarded(dy.Length), dx = Guarded(x.Length);
            for (int i = 0; i < x.Length; i++) if (i / channels % positions / 2 * 2 + 1 < positions) x[i] += i / channels % positions % 2 == 0 ? 1e6f : -1e6f;
            fixed (float* px = x, py = y, pdx = dx, pdy = dy)
            {
                ChannelsLastPooling.GlobalAverage(batch, positions, channels, px, py + Guard, Naive.Three);
                ChannelsLastPooling.GlobalAverageGradient((VectorWidth)width, batch, positions, channels, pdy, new Epilogue { Gate = px }, pdx + Guard, Naive.Three);
            }
            for (int n = 0; n < batch; n++)
            {
                for (int c = 0; c < channels; c++)
                {
                    double sum = 0;
                    for (int p = 0; p < positions; p++)
                    {
                        int at = (n * positions + p) * channels + c;
                        sum += x[at];
                        Assert.Equal(x[at] > 0 ? dy[n * channels + c] / positions : 0, dx[Guard + at]);
                    }
                    Assert.Equal((float)(sum / positions), y[Guard + n * channels + c]);
                }
            }
            Untouched(y);
            Untouched(dx);
        }
    }

    private static double Sum(float[] values) => values.Sum(v => (double)v);

    private static float[] Guarded(int length)
    {
        float[] y = new float[length + 2 * Guard];
        Array.Fill(y, 77);
        return y;
    }

    private static void Untouched(float[] y)
    {
        for (int i = 0; i < Guard; i++) Assert.True(y[i] == 77 && y[^(i + 1)] == 77, "wrote beyond the output");
    }

    private static void Same(float[] expected, float[] y, string what)
    {
        for (int i = 0; i < expected.Length; i++)
            Assert.True(expected[i].Equals(y[Guard + i]), $"{what} {i}: expected {expected[i]:G9}, got {y[Guard + i]:G9}");
        Untouched(y);
    }

    /// <summary>The input elements of a window, in row-major order.</summary>
    private static List<int> Window(PooledShape shape, int output)
    {
        WindowAxis h = shape.Height, w = shape.Width;
        int c = output % shape.Channels, j = output / shape.Channels % w.Output, i = output / shape.Channels / w.Output % h.Output, n = output / shape.Channels / w.Output / h.Output;
        var window = new List<int>();
        for (int kh = 0; kh < h.Kernel; kh++)
        for (int kw = 0; kw < w.Kernel; kw++)
        {
            int row = i * h.Stride + kh * h.Dilation - h.PadBegin, column = j * w.Stride + kw * w.Dilation - w.PadBegin;
            if (row >= 0 && row < h.Input && column >= 0 && column < w.Input) window.Add(((n * h.Input + row) * w.Input + column) * shape.Channels + c);
        }
        return window;
    }

    /// <summary>The positions of a window on the padded input.</summary>
    private static int PaddedCount(PooledShape shape, int output)
    {
        int Along(WindowAxis axis, int o) =>
            Enumerable.Range(0, axis.Kernel).Count(k => o * axis.Stride + k * axis.Dilation < axis.Input + axis.PadBegin + axis.PadEnd);
        int j = output / shape.Channels % shape.Width.Output, i = output / shape.Channels / shape.Width.Output % shape.Height.Output;
        return Along(shape.Height, i) * Along(shape.Width, j);
    }

    private static PooledShape RandomShape(Random random)
    {
        int[] counts = [1, 3, 15, 16, 17, 24, 33, 64];
        int channels = counts[random.Next(counts.Length)];
        return new PooledShape(random.Next(1, 3), channels, RandomAxis(random, channels > 20 ? 9 : 14), RandomAxis(random, channels > 20 ? 15 : 31));
    }

    private static WindowAxis RandomAxis(Random random, int largest)
    {
        int input = random.Next(1, largest), kernel = random.Next(1, 5), stride = random.Next(1, 4), dilation = random.Next(3) == 0 ? random.Next(1, 4) : 1;
        int begin = random.Next(0, kernel + 1), end = random.Next(0, kernel + 1);
        int output = Math.Max(0, (input + begin + end - (kernel - 1) * dilation - 1) / stride + 1 + random.Next(2));
        return new WindowAxis(input, output, kernel, stride, dilation, begin, end);
    }
}
