using Limn.Engine.Kernels;

namespace Limn.Engine.Tests.Kernels;

public sealed class ConvolutionTests
{
    public static TheoryData<int> Widths => [1, 4, 8, 16];

    [Theory]
    [MemberData(nameof(Widths))]
    public void Convolution_and_its_gradients_match_the_naive_loops(int width)
    {
        var random = new Random(width);
        for (int i = 0; i < 150; i++)
        {
            Compare((VectorWidth)width, RandomShape(random), withBias: i % 2 == 1);
        }
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void Convolution_and_its_gradients_match_the_naive_loops_across_blocks(int width)
    {
        ConvolutionShape[] shapes =
        [
            Square(1, 17, 18, 1, 25, 3, 1, 1), Square(2, 3, 40, 1, 23, 5, 2, 2), Square(1, 40, 16, 1, 5, 3, 1, 1), Square(1, 10, 40, 2, 9, 3, 2, 0),
            Square(2, 30, 20, 1, 8, 1, 1, 0), Square(1, 20, 24, 1, 9, 1, 2, 0), Square(2, 6, 6, 6, 21, 3, 2, 1), Square(1, 2, 17, 1, 12, 3, 1, -1),
        ];
        foreach (ConvolutionShape shape in shapes) Compare((VectorWidth)width, shape, withBias: true);
    }

    [Fact]
    public void A_small_convolution_is_the_naive_one_rounded_once()
    {
        var random = new Random(77);
        for (int i = 0; i < 200; i++)
        {
            ConvolutionShape shape = RandomShape(random);
            if (!SmallConvolution.Suits(shape)) continue;
            float[] x = Numbers.Random(shape.InputLength, 1), w = Numbers.Random(shape.WeightLength, 2), b = Numbers.Random(shape.OutChannels, 3);
            float[] y = new float[shape.OutputLength];
            Convolution.Forward(shape, x, w, b, y, new Workers(1 + i % 3));
            var expected = new double[y.Length];
            ForEachTerm(shape, (iy, ix, iw) => expected[iy] += (double)x[ix] * w[iw]);
            for (int j = 0; j < y.Length; j++) expected[j] += b[j / shape.OutputPositions % shape.OutChannels];
            for (int j = 0; j < y.Length; j++) Assert.True(Math.Abs(y[j] - expected[j]) <= 6e-8 * Math.Abs(expected[j]) + 1e-14, $"{shape} at {j}: {y[j]} for {expected[j]}");
        }
    }

    [Fact]
    public void Input_and_weight_gradients_are_adjoint_to_the_convolution()
    {
        var random = new Random(5);
        for (int i = 0; i < 100; i++)
        {
            ConvolutionShape shape = RandomShape(random);
            float[] x = Numbers.Random(shape.InputLength, 1), w = Numbers.Random(shape.WeightLength, 2), dy = Numbers.Random(shape.OutputLength, 3);
            float[] y = new float[dy.Length], dx = new float[x.Length], dw = new float[w.Length];
            Convolution.Forward(shape, x, w, [], y, Workers.Single);
            Convolution.BackwardInput(shape, dy, w, dx, Workers.Single);
            Convolution.BackwardWeight(shape, x, dy, dw, Workers.Single);
            double scale = 1 + Math.Sqrt(Numbers.Dot(y, y) * Numbers.Dot(dy, dy));
            Assert.True(Math.Abs(Numbers.Dot(y, dy) - Numbers.Dot(x, dx)) < 1e-5 * scale, shape.ToString());
            Assert.True(Math.Abs(Numbers.Dot(y, dy) - Numbers.Dot(w, dw)) < 1e-5 * scale, shape.ToString());
        }
    }

    [Fact]
    public void Convolution_gives_the_same_bits_with_any_number_of_threads()
    {
        ConvolutionShape[] shapes =
        [
            Square(1, 16, 24, 1, 30, 3, 1, 1), Square(1, 16, 24, 2, 30, 3, 2, 1), Square(9, 8, 8, 1, 14, 3, 1, 1), Square(2, 32, 32, 32, 28, 3, 1, 1),
            Square(1, 64, 48, 1, 20, 1, 1, 0), Square(1, 256, 256, 1, 7, 3, 1, 1),
        ];
        foreach (ConvolutionShape shape in shapes)
        {
            float[] x = Numbers.Random(shape.InputLength, 1), w = Numbers.Random(shape.WeightLength, 2), b = Numbers.Random(shape.OutChannels, 4), dy = Numbers.Random(shape.OutputLength, 3);
            float[][] Run(int threads)
            {
                float[] y = new float[dy.Length], dx = new float[x.Length], dw = new float[w.Length];
                var workers = new Workers(threads);
                Convolution.Forward(shape, x, w, b, y, workers);
                Convolution.BackwardInput(shape, dy, w, dx, workers);
                Convolution.BackwardWeight(shape, x, dy, dw, workers);
                return [y, dx, dw];
            }
            float[][] one = Run(1);
            foreach (int threads in new[] { 2, 5 })
            {
                float[][] many = Run(threads);
                for (int i = 0; i < 3; i++) Assert.True(one[i].AsSpan().SequenceEqual(many[i]), $"{i} of {shape} with {threads} threads");
            }
        }
    }

    [Fact]
    public void Input_that_no_window_reads_gets_a_zero_gradient()
    {
        var shape = new ConvolutionShape { Batch = 1, InChannels = 1, OutChannels = 5, Width = new(10, 2, 2, 5, 1, 0) };
        float[] dx = new float[10];
        Array.Fill(dx, float.NaN);
        Convolution.BackwardInput(shape, Numbers.Random(10, 1), Numbers.Random(10, 2), dx, Workers.Single);
        Assert.All([2, 3, 4, 7, 8, 9], i => Assert.Equal(0, dx[i]));
        Assert.All([0, 1, 5, 6], i => Assert.NotEqual(0, dx[i]));
    }

    [Fact]
    public void Convolution_without_input_channels_gives_the_bias()
    {
        var shape = new ConvolutionShape { Batch = 2, InChannels = 0, OutChannels = 3, Width = new(5, 5, 3, 1, 1, 1) };
        float[] y = new float[30];
        Convolution.Forward(shape, [], [], [1, 2, 3], y, Workers.Single);
        Assert.Equal(Enumerable.Range(0, 30).Select(i => 1f + i / 5 % 3), y);
    }

    [Fact]
    public void Convolution_refuses_spans_and_groups_that_do_not_fit()
    {
        var shape = new ConvolutionShape { Batch = 1, InChannels = 2, OutChannels = 3, Width = new(5, 3, 3) };
        Assert.Throws<ArgumentException>(() => Convolution.Forward(shape, new float[9], new float[18], [], new float[9], Workers.Single));
        Assert.Throws<ArgumentException>(() => Convolution.Forward(shape, new float[10], new float[18], new float[2], new float[9], Workers.Single));
        Assert.Throws<ArgumentException>(() => Convolution.Forward(shape with { Groups = 2 }, new float[10], new float[18], [], new float[9], Workers.Single));
    }

    private static void Compare(VectorWidth width, ConvolutionShape shape, bool withBias)
    {
        float[] x = Numbers.Random(shape.InputLength, 1), w = Numbers.Random(shape.WeightLength, 2), dy = Numbers.Random(shape.OutputLength, 3);
        float[] bias = withBias ? Numbers.Random(shape.OutChannels, 4) : [];
        float[] y = Unset(dy.Length), dx = Unset(x.Length), dw = Unset(w.Length);
        Convolution.Forward(width, shape, x, w, bias, y, Workers.Single);
        Convolution.BackwardInput(width, shape, dy, w, dx, Workers.Single);
        Convolution.BackwardWeight(width, shape, x, dy, dw, Workers.Single);

        double[] expectedY = new double[y.Length], expectedDx = new double[x.Length], expectedDw = new double[w.Length];
        ForEachTerm(shape, (iy, ix, iw) =>
        {
            expectedY[iy] += (double)x[ix] * w[iw];
            expectedDx[ix] += (double)dy[iy] * w[iw];
            expectedDw[iw] += (double)dy[iy] * x[ix];
        });
        for (int j = 0; j < y.Length && bias.Length > 0; j++) expectedY[j] += bias[j / shape.OutputPositions % shape.OutChannels];
        AssertClose(expectedY, y, $"output of {shape}");
        AssertClose(expectedDx, dx, $"input gradient of {shape}");
        AssertClose(expectedDw, dw, $"weight gradient of {shape}");
    }

    private static ConvolutionShape Square(int batch, int inChannels, int outChannels, int groups, int size, int kernel, int stride, int pad)
    {
        var axis = new WindowAxis(size, (size + 2 * pad - kernel) / stride + 1, kernel, stride, 1, pad);
        return new() { Batch = batch, InChannels = inChannels, OutChannels = outChannels, Groups = groups, Height = axis, Width = axis };
    }

    private static ConvolutionShape RandomShape(Random random)
    {
        int[] batches = [0, 1, 1, 3];
        int dimensions = 1 + random.Next(3), groups = random.Next(3) == 0 ? 1 + random.Next(4) : 1;
        bool depthwise = random.Next(4) == 0;
        return new()
        {
            Batch = batches[random.Next(4)],
            Groups = groups,
            InChannels = groups * (depthwise ? 1 : 1 + random.Next(4)),
            OutChannels = groups * (1 + random.Next(depthwise ? 2 : random.Next(3) == 0 ? 20 : 9)),
            Depth = dimensions == 3 ? RandomAxis(random, 6) : WindowAxis.One,
            Height = dimensions >= 2 ? RandomAxis(random, 9) : WindowAxis.One,
            Width = RandomAxis(random, dimensions == 1 ? 70 : 24),
        };
    }

    /// <summary>Often plain, now and then strided, dilated or padded on one side only, and with less output than would fit.</summary>
    private static WindowAxis RandomAxis(Random random, int most)
    {
        int kernel = 1 + random.Next(4), stride = random.Next(2) == 0 ? 1 : 1 + random.Next(4), dilation = random.Next(3) == 0 ? 1 + random.Next(4) : 1;
        int input = 1 + random.Next(most), before = random.Next(3), after = random.Next(4), extent = (kernel - 1) * dilation + 1;
        while (input + before + after < extent) input++;
        int output = (input + before + after - extent) / stride + 1;
        if (random.Next(12) == 0) output = Math.Max(1, output - 1);
        return new(input, output, kernel, stride, dilation, before);
    }

    private static void ForEachTerm(ConvolutionShape s, Action<int, int, int> term)
    {
        for (int n = 0; n < s.Batch; n++)
        for (int o = 0; o < s.OutChannels; o++)
        for (int c = 0; c < s.InPerGroup; c++)
        for (int d = 0; d < s.Depth.Output; d++)
        for (int kd = 0; kd < s.Depth.Kernel; kd++)
        for (int h = 0; h < s.Height.Output; h++)
        for (int kh = 0; kh < s.Height.Kernel; kh++)
        for (int w = 0; w < s.Width.Output; w++)
        for (int kw = 0; kw < s.Width.Kernel; kw++)
        {
            int inD = At(s.Depth, d, kd), inH = At(s.Height, h, kh), inW = At(s.Width, w, kw);
            if ((uint)inD >= s.Depth.Input || (uint)inH >= s.Height.Input || (uint)inW >= s.Width.Input) continue;
            int channel = n * s.InChannels + o / s.OutPerGroup * s.InPerGroup + c;
            term(
                (((n * s.OutChannels + o) * s.Depth.Output + d) * s.Height.Output + h) * s.Width.Output + w,
                ((channel * s.Depth.Input + inD) * s.Height.Input + inH) * s.Width.Input + inW,
                (((o * s.InPerGroup + c) * s.Depth.Kernel + kd) * s.Height.Kernel + kh) * s.Width.Kernel + kw);
        }
    }

    private static int At(WindowAxis axis, int output, int tap) => output * axis.Stride + tap * axis.Dilation - axis.PadBegin;

    private static float[] Unset(int length)
    {
        float[] values = new float[length];
        Array.Fill(values, float.NaN);
        return values;
    }

    private static void AssertClose(double[] expected, float[] got, string what)
    {
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - got[i]) <= 2e-5 * (1 + Math.Abs(expected[i])), $"{what} at {i}: {expected[i]} expected, {got[i]} got");
    }
}
