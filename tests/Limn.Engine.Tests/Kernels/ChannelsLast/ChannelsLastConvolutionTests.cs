using Limn.Engine.Kernels;
using Limn.Engine.Kernels.ChannelsLast;

namespace Limn.Engine.Tests.Kernels.ChannelsLast;

public sealed unsafe class ChannelsLastConvolutionTests
{
    private static readonly int[] Channels = [1, 3, 15, 16, 17, 24, 31, 33, 64];

    public static TheoryData<int> Widths => [1, 4, 8, 16];

    [Theory]
    [MemberData(nameof(Widths))]
    public void Convolution_and_input_gradient_match_the_naive_loops(int width)
    {
        var random = new Random(width);
        for (int i = 0; i < 45; i++) Compare((VectorWidth)width, RandomShape(random), random, new Workers(1 + i % 3));
    }

    [Fact]
    public void Convolutions_over_many_strips_and_pieces_of_depth_match_the_naive_loops()
    {
        var random = new Random(3);
        ConvolutionShape[] shapes =
        [
            Square(1, 3, 17, 1, 40, 7, 2, 3), Square(2, 64, 33, 1, 14, 1, 1, 0), Square(1, 512, 5, 1, 4, 3, 1, 1), Square(2, 64, 16, 1, 9, 3, 2, 1),
            Square(1, 1100, 34, 1, 2, 3, 1, 1), Square(1, 9000, 20, 1, 2, 1, 1, 0), Square(5, 16, 8, 4, 7, 3, 1, 1), Square(9, 8, 16, 1, 5, 1, 3, 0),
            new() { Batch = 1, InChannels = 5, OutChannels = 3, Width = new(700, 698, 3) },
        ];
        foreach (ConvolutionShape shape in shapes) Compare(VectorWidths.Best, shape, random, Naive.Three);
    }

    [Fact]
    public void Any_number_of_threads_gives_the_same_bits()
    {
        ConvolutionShape[] shapes =
        [
            Square(1, 33, 65, 1, 30, 3, 1, 1), Square(3, 64, 64, 1, 14, 3, 1, 1), Square(1, 16, 24, 2, 30, 3, 2, 1), Square(1, 128, 256, 1, 7, 3, 1, 1),
            Square(2, 64, 100, 1, 20, 1, 1, 0), Square(1, 32, 48, 1, 25, 1, 2, 0),
        ];
        foreach (ConvolutionShape shape in shapes)
        {
            float[] x = Numbers.Random(shape.InputLength, 1), w = Numbers.Random(shape.WeightLength, 2), dy = Numbers.Random(shape.OutputLength, 3), bias = Numbers.Random(shape.OutChannels, 4);
            PackedFilter forward = PackedFilter.OfConvolution(shape, w), backward = PackedFilter.OfInputGradient(shape, w);
            float[] y = new float[dy.Length], dx = new float[x.Length];
            for (int threads = 1; threads <= 8; threads++)
            {
                float[] again = Unset(y.Length), dxAgain = Unset(x.Length);
                fixed (float* px = x, pdy = dy, py = again, pdx = dxAgain, pb = bias)
                {
                    ChannelsLastConvolution.Forward(shape, px, forward, new Epilogue { Bias = pb }, py, new Workers(threads));
                    ChannelsLastConvolution.BackwardInput(shape, pdy, backward, default, pdx, new Workers(threads));
                }
                if (threads == 1) (y, dx) = (again, dxAgain);
                Naive.SameBits(y, again);
                Naive.SameBits(dx, dxAgain);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void Nan_passes_the_activation_and_a_gate_lets_through_only_what_is_positive(int width)
    {
        // 19 channels of one input channel: whole vectors and a part of one.
        var shape = new ConvolutionShape { Batch = 1, InChannels = 1, OutChannels = 19, Width = new(4, 4) };
        float[] x = [float.NaN, -1, 2, 1], y = new float[76], gate = new float[76];
        float[] values = [float.NaN, 0, 1, -1, -0f, float.PositiveInfinity];
        for (int i = 0; i < gate.Length; i++) gate[i] = values[i % values.Length];
        float[] w = new float[19];
        Array.Fill(w, 1);
        PackedFilter packed = PackedFilter.OfConvolution(shape, w, (VectorWidth)width);
        fixed (float* px = x, py = y, pg = gate)
        {
            ChannelsLastConvolution.Forward(shape, px, packed, new Epilogue { Activation = Activation.Relu }, py, Workers.Single);
            for (int i = 0; i < y.Length; i++) Assert.Equal(i < 19 ? float.NaN : Math.Max(0, x[i / 19]), y[i]);
            ChannelsLastConvolution.Forward(shape, px, packed, new Epilogue { Activation = Activation.Clip, Low = -0.5f, High = 1.5f }, py, Workers.Single);
            for (int i = 0; i < y.Length; i++) Assert.Equal(i < 19 ? float.NaN : Math.Clamp(x[i / 19], -0.5f, 1.5f), y[i]);
            ChannelsLastConvolution.Forward(shape, px, packed, new Epilogue { Gate = pg }, py, Workers.Single);
            for (int i = 0; i < y.Length; i++) Assert.Equal(gate[i] > 0 ? x[i / 19] : 0, y[i]);
        }
    }

    [Fact]
    public void The_residual_may_be_the_result_itself_even_where_the_depth_is_cut()
    {
        ConvolutionShape[] shapes = [Square(2, 17, 35, 1, 8, 3, 1, 1), Square(1, 1100, 40, 1, 2, 3, 1, 1), Square(1, 9000, 40, 1, 2, 1, 1, 0)];
        foreach (ConvolutionShape shape in shapes)
        {
            float[] x = Numbers.Random(shape.InputLength, 1), w = Numbers.Random(shape.WeightLength, 2), residual = Numbers.Random(shape.OutputLength, 3);
            float[] apart = Unset(residual.Length), inPlace = residual.ToArray();
            PackedFilter packed = PackedFilter.OfConvolution(shape, w);
            fixed (float* px = x, pr = residual, pa = apart, pi = inPlace)
            {
                ChannelsLastConvolution.Forward(shape, px, packed, new Epilogue { Residual = pr, Activation = Activation.Relu }, pa, Naive.Three);
                ChannelsLastConvolution.Forward(shape, px, packed, new Epilogue { Residual = pi, Activation = Activation.Relu }, pi, Naive.Three);
            }
            Naive.SameBits(apart, inPlace);
        }
    }

    [Fact]
    public void Input_that_no_window_reads_gets_what_the_epilogue_makes_of_zero()
    {
        var shape = new ConvolutionShape { Batch = 1, InChannels = 2, OutChannels = 5, Width = new(10, 2, 2, 5, 1, 0) };
        float[] dy = Numbers.Random(10, 1), dx = Unset(20), residual = Numbers.Random(20, 2);
        PackedFilter packed = PackedFilter.OfInputGradient(shape, Numbers.Random(20, 3));
        fixed (float* pdy = dy, pdx = dx, pr = residual)
        {
            ChannelsLastConvolution.BackwardInput(shape, pdy, packed, new Epilogue { Residual = pr }, pdx, Workers.Single);
            Assert.All([2, 3, 4, 7, 8, 9], i => Assert.Equal((residual[2 * i], residual[2 * i + 1]), (dx[2 * i], dx[2 * i + 1])));
            Assert.All([0, 1, 5, 6], i => Assert.NotEqual(residual[2 * i], dx[2 * i]));
        }
    }

    [Fact]
    public void Convolution_without_input_channels_gives_the_bias_and_an_empty_batch_gives_nothing()
    {
        var shape = new ConvolutionShape { Batch = 2, InChannels = 0, OutChannels = 3, Width = new(5, 5, 3, 1, 1, 1) };
        float[] y = Unset(30), bias = [1, 2, 3];
        fixed (float* py = y, pb = bias) ChannelsLastConvolution.Forward(shape, null, PackedFilter.OfConvolution(shape, []), new Epilogue { Bias = pb }, py, Workers.Single);
        Assert.Equal(Enumerable.Range(0, 30).Select(i => 1f + i % 3), y);

        ConvolutionShape empty = Square(0, 3, 4, 1, 6, 3, 2, 1);
        float[] w = Numbers.Random(empty.WeightLength, 1);
        ChannelsLastConvolution.Forward(empty, null, PackedFilter.OfConvolution(empty, w), default, null, Workers.Single);
        ChannelsLastConvolution.BackwardInput(empty, null, PackedFilter.OfInputGradient(empty, w), default, null, Workers.Single);
    }

    [Fact]
    public void Weights_packed_for_something_else_are_refused()
    {
        ConvolutionShape shape = Square(1, 4, 4, 1, 6, 3, 2, 1);
        float[] w = Numbers.Random(shape.WeightLength, 1);
        PackedFilter forward = PackedFilter.OfConvolution(shape, w), backward = PackedFilter.OfInputGradient(shape, w);
        Assert.Throws<ArgumentException>(() => ChannelsLastConvolution.Forward(shape, null, backward, default, null, Workers.Single));
        Assert.Throws<ArgumentException>(() => ChannelsLastConvolution.BackwardInput(shape, null, forward, default, null, Workers.Single));
        Assert.Throws<ArgumentException>(() => ChannelsLastConvolution.Forward(Square(1, 4, 4, 1, 6, 5, 2, 1), null, forward, default, null, Workers.Single));
        Assert.Throws<ArgumentException>(() => PackedFilter.OfConvolution(shape, w.AsSpan(1)));
        Assert.Throws<ArgumentException>(() => PackedFilter.OfConvolution(shape with { Depth = new(2, 2) }, w));
    }

    private static void Compare(VectorWidth width, ConvolutionShape shape, Random random, Workers workers)
    {
        float[] x = Numbers.Random(shape.InputLength, 1), w = Numbers.Random(shape.WeightLength, 2), dy = Numbers.Random(shape.OutputLength, 3);
        double[] y = new double[dy.Length], dx = new double[x.Length];
        NaiveSums(shape, x, w, dy, y, dx);
        PackedFilter forward = PackedFilter.OfConvolution(shape, w, width), backward = PackedFilter.OfInputGradient(shape, w, width);
        Assert.True(forward.ByteSize >= w.Length * sizeof(float) && backward.ByteSize >= w.Length * sizeof(float));
        double tolerance = Math.Max(1, (double)shape.KernelVolume * Math.Max(shape.InChannels, shape.OutChannels) / 500);
        Epilogues.Check(random, shape.OutChannels, y, $"output of {shape} with vectors of {width}", (in epilogue, to) =>
        {
            fixed (float* px = x) ChannelsLastConvolution.Forward(shape, px, forward, epilogue, to, workers);
        }, tolerance);
        Epilogues.Check(random, shape.InChannels, dx, $"input gradient of {shape} with vectors of {width}", (in epilogue, to) =>
        {
            fixed (float* pdy = dy) ChannelsLastConvolution.BackwardInput(shape, pdy, backward, epilogue, to, workers);
        }, tolerance);
    }

    private static ConvolutionShape Square(int batch, int inChannels, int outChannels, int groups, int size, int kernel, int stride, int pad)
    {
        var axis = new WindowAxis(size, (size + 2 * pad - kernel) / stride + 1, kernel, stride, 1, pad);
        return new() { Batch = batch, InChannels = inChannels, OutChannels = outChannels, Groups = groups, Height = axis, Width = axis };
    }

    private static ConvolutionShape RandomShape(Random random)
    {
        int groups = random.Next(4) == 0 ? 2 + random.Next(3) : 1, batch = random.Next(2) == 0 ? 1 : 3;
        int inChannels = Channels[random.Next(Channels.Length)], outChannels = Channels[random.Next(Channels.Length)];
        if (groups > 1) (inChannels, outChannels) = (Math.Min(inChannels, 17), Math.Min(outChannels, 24));
        int most = inChannels * outChannels > 1000 ? 10 : random.Next(3) == 0 ? 40 : 14;
        return new()
        {
            Batch = batch, Groups = groups, InChannels = groups * inChannels, OutChannels = groups * outChannels,
            Height = RandomAxis(random, Math.Min(most, 12)), Width = RandomAxis(random, most),
        };
    }

    /// <summary>Often plain, now and then strided, dilated, cropped or padded on one side only, and with less output than would fit.</summary>
    private static WindowAxis RandomAxis(Random random, int most)
    {
        int kernel = 1 + random.Next(3), stride = random.Next(2) == 0 ? 1 : 1 + random.Next(3), dilation = random.Next(3) == 0 ? 1 + random.Next(3) : 1;
        int input = 1 + random.Next(most), before = random.Next(-1, 3), after = random.Next(-1, 4), extent = (kernel - 1) * dilation + 1;
        while (input + before + after < extent) input++;
        int output = (input + before + after - extent) / stride + 1;
        if (random.Next(12) == 0) output = Math.Max(1, output - 1);
        return new(input, output, kernel, stride, dilation, before);
    }

    /// <summary>The convolution and its gradient by the input, channels last, summed in double.</summary>
    private static void NaiveSums(ConvolutionShape s, float[] x, float[] w, float[] dy, double[] y, double[] dx)
    {
        int inputs = s.InPerGroup, volume = s.KernelVolume;
        for (int n = 0; n < s.Batch; n++)
        for (int h = 0; h < s.Height.Output; h++)
        for (int v = 0; v < s.Width.Output; v++)
        for (int kh = 0; kh < s.Height.Kernel; kh++)
        for (int kv = 0; kv < s.Width.Kernel; kv++)
        {
            int row = At(s.Height, h, kh), column = At(s.Width, v, kv);
            if ((uint)row >= s.Height.Input || (uint)column >= s.Width.Input) continue;
            int to = ((n * s.Height.Output + h) * s.Width.Output + v) * s.OutChannels, from = ((n * s.Height.Input + row) * s.Width.Input + column) * s.InChannels;
            for (int o = 0; o < s.OutChannels; o++)
            {
                int group = o / s.OutPerGroup, tap = kh * s.Width.Kernel + kv;
                double sum = 0, g = dy[to + o];
                for (int c = 0; c < inputs; c++)
                {
                    float weight = w[(o * inputs + c) * volume + tap];
                    sum += (double)x[from + group * inputs + c] * weight;
                    dx[from + group * inputs + c] += g * weight;
                }
                y[to + o] += sum;
            }
        }
    }

    private static int At(WindowAxis axis, int output, int tap) => output * axis.Stride + tap * axis.Dilation - axis.PadBegin;

    private static float[] Unset(int length)
    {
        float[] values = new float[length];
        Array.Fill(values, float.NaN);
        return values;
    }
}
