using Limn.Engine.Kernels;
using Limn.Engine.Kernels.ChannelsLast;

namespace Limn.Engine.Tests.Kernels.ChannelsLast;

public sealed unsafe class DepthwiseTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    public void Depthwise_convolution_and_its_gradient_match_the_naive_sums_with_every_epilogue(int width)
    {
        var random = new Random(width);
        for (int i = 0; i < 80; i++)
        {
            ConvolutionShape shape = RandomShape(random);
            float[] x = Numbers.Random(shape.InputLength, i), w = Numbers.Random(shape.WeightLength, i + 1), packed = new float[w.Length];
            ChannelsLastDepthwise.Pack(shape, w, packed);
            double[] expected = new double[shape.OutputLength], expectedDx = new double[shape.InputLength];
            float[] dy = Numbers.Random(shape.OutputLength, i + 2);
            ForEachProduct(shape, (o, at, tap) =>
            {
                expected[o] += (double)x[at] * w[tap];
                expectedDx[at] += (double)dy[o] * w[tap];
            });
            Check(random, shape.InChannels, expected, (epilogue, y) =>
            {
                fixed (float* px = x, pw = packed) ChannelsLastDepthwise.Forward((VectorWidth)width, shape, px, pw, epilogue, y, Workers.Single);
            }, $"{shape}");
            Check(random, shape.InChannels, expectedDx, (epilogue, y) =>
            {
                fixed (float* pdy = dy, pw = packed) ChannelsLastDepthwise.BackwardInput((VectorWidth)width, shape, pdy, pw, epilogue, y, Workers.Single);
            }, $"{shape} backward");
        }
    }

    [Fact]
    public void Depthwise_convolution_gives_the_same_bits_with_any_number_of_threads()
    {
        var random = new Random(5);
        for (int i = 0; i < 12; i++)
        {
            var shape = new ConvolutionShape
            {
                Batch = 1 + i % 2, InChannels = 65, OutChannels = 65, Groups = 65,
                Height = new(30, 30 / (1 + i % 3), 3, 1 + i % 3, 1, 1), Width = new(29, 29 / (1 + i % 3), 5, 1 + i % 3, 1, 2),
            };
            float[] x = Numbers.Random(shape.InputLength, i), w = Numbers.Random(shape.WeightLength, i), dy = Numbers.Random(shape.OutputLength, i);
            float[] y = new float[dy.Length], dx = new float[x.Length], again = new float[dy.Length], dxAgain = new float[x.Length];
            Both(Workers.Single, y, dx);
            for (int threads = 2; threads <= 8; threads++)
            {
                Both(new Workers(threads), again, dxAgain);
                Naive.SameBits(y, again);
                Naive.SameBits(dx, dxAgain);
            }

            void Both(Workers workers, float[] to, float[] gradient)
            {
                fixed (float* px = x, pw = w, pdy = dy, py = to, pdx = gradient)
                {
                    ChannelsLastDepthwise.Forward(shape, px, pw, new Epilogue { Bias = pw }, py, workers);
                    ChannelsLastDepthwise.BackwardInput(shape, pdy, pw, new Epilogue { Gate = px }, pdx, workers);
                }
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(16)]
    public void Nan_stays_nan_through_every_activation_and_a_nan_gate_closes(int width)
    {
        const int Channels = 19;
        var shape = new ConvolutionShape { Batch = 1, InChannels = Channels, OutChannels = Channels, Groups = Channels, Width = new(9, 9) };
        float[] x = Numbers.Random(shape.InputLength, 1), w = Numbers.Random(Channels, 2), y = new float[x.Length], gate = Numbers.Random(x.Length, 3);
        for (int i = 0; i < x.Length; i += 5) x[i] = float.NaN;
        for (int i = 0; i < x.Length; i += 7) gate[i] = float.NaN;
        foreach (Activation activation in Enum.GetValues<Activation>())
        {
            fixed (float* px = x, pw = w, py = y, pg = gate)
            {
                ChannelsLastDepthwise.Forward((VectorWidth)width, shape, px, pw, new Epilogue { Activation = activation, Low = -0.1f, High = 0.1f }, py, Workers.Single);
                for (int i = 0; i < x.Length; i++) Assert.Equal(i % 5 == 0, float.IsNaN(y[i]));
                ChannelsLastDepthwise.Forward((VectorWidth)width, shape, px, pw, new Epilogue { Activation = activation, Low = -0.1f, High = 0.1f, Gate = pg }, py, Workers.Single);
                for (int i = 0; i < x.Length; i++) Assert.True(gate[i] > 0 ? float.IsNaN(y[i]) == (i % 5 == 0) : y[i] == 0);
            }
        }
    }

    [Fact]
    public void A_convolution_that_is_not_depthwise_is_refused()
    {
        var shape = new ConvolutionShape { Batch = 1, InChannels = 4, OutChannels = 8, Groups = 4, Width = new(3, 3) };
        Assert.Throws<ArgumentException>(() => ChannelsLastDepthwise.Forward(shape, null, null, default, null, Workers.Single));
        Assert.Throws<ArgumentException>(() => ChannelsLastDepthwise.Pack(shape, new float[8], new float[8]));
        shape = new ConvolutionShape { Batch = 1, InChannels = 4, OutChannels = 4, Groups = 4, Width = new(3, 3, 2) };
        Assert.Throws<ArgumentException>(() => ChannelsLastDepthwise.Pack(shape, new float[8], new float[7]));
    }

    private delegate void Kernel(Epilogue epilogue, float* y);

    /// <summary>Runs a kernel with each part of an epilogue and between guards that nobody may write on.</summary>
    private static void Check(Random random, int channels, double[] sums, Kernel kernel, string what)
    {
        const int Guard = 16;
        float[] bias = Numbers.Random(channels, random.Next()), residual = Numbers.Random(sums.Length, random.Next()), gate = Numbers.Random(sums.Length, random.Next());
        float[] y = new float[sums.Length + 2 * Guard];
        bool hasBias = random.Next(2) == 0, hasResidual = random.Next(2) == 0, hasGate = random.Next(2) == 0, inPlace = random.Next(2) == 0;
        var activation = (Activation)random.Next(3);
        Array.Fill(y, 77);
        if (hasResidual && inPlace) residual.CopyTo(y, Guard);
        fixed (float* pb = bias, pr = residual, pg = gate, py = y)
        {
            kernel(
                new Epilogue
                {
                    Bias = hasBias ? pb : null, Residual = !hasResidual ? null : inPlace ? py + Guard : pr, Gate = hasGate ? pg : null,
                    Activation = activation, Low = -0.25f, High = 0.5f,
                }, py + Guard);
        }
        for (int i = 0; i < sums.Length; i++)
        {
            double expected = sums[i] + (hasBias ? bias[i % channels] : 0) + (hasResidual ? residual[i] : 0);
            if (activation == Activation.Relu) expected = Math.Max(expected, 0);
            if (activation == Activation.Clip) expected = Math.Clamp(expected, -0.25, 0.5);
            if (hasGate && !(gate[i] > 0)) expected = 0;
            Naive.Close(expected, y[Guard + i], 2e-5, what);
        }
        for (int i = 0; i < Guard; i++) Assert.True(y[i] == 77 && y[^(i + 1)] == 77, $"{what}: wrote beyond the output");
    }

    private static void ForEachProduct(ConvolutionShape shape, Action<int, int, int> visit)
    {
        WindowAxis h = shape.Height, w = shape.Width;
        int channels = shape.InChannels;
        for (int n = 0; n < shape.Batch; n++)
        for (int i = 0; i < h.Output; i++)
        for (int j = 0; j < w.Output; j++)
        for (int kh = 0; kh < h.Kernel; kh++)
        for (int kw = 0; kw < w.Kernel; kw++)
        {
            int row = i * h.Stride + kh * h.Dilation - h.PadBegin, column = j * w.Stride + kw * w.Dilation - w.PadBegin;
            if (row < 0 || row >= h.Input || column < 0 || column >= w.Input) continue;
            for (int c = 0; c < channels; c++)
                visit(((n * h.Output + i) * w.Output + j) * channels + c, ((n * h.Input + row) * w.Input + column) * channels + c, (c * h.Kernel + kh) * w.Kernel + kw);
        }
    }

    private static ConvolutionShape RandomShape(Random random)
    {
        int[] counts = [1, 3, 15, 16, 17, 24, 33, 64];
        int channels = counts[random.Next(counts.Length)];
        return new ConvolutionShape
        {
            Batch = random.Next(1, 3), InChannels = channels, OutChannels = channels, Groups = channels,
            Height = RandomAxis(random, channels > 20 ? 8 : 15), Width = RandomAxis(random, channels > 20 ? 24 : 31),
        };
    }

    private static WindowAxis RandomAxis(Random random, int largest)
    {
        int input = random.Next(1, largest), kernel = random.Next(3) switch { 0 => 3, 1 => 5, _ => random.Next(1, 6) };
        int stride = random.Next(3) == 0 ? random.Next(1, 5) : random.Next(1, 3), dilation = random.Next(3) == 0 ? random.Next(1, 4) : 1;
        int pad = random.Next(4) == 0 ? random.Next(-2, 6) : kernel / 2;
        int output = Math.Max(0, (input + pad + random.Next(0, kernel) - (kernel - 1) * dilation - 1) / stride + 1);
        return new WindowAxis(input, output, kernel, stride, dilation, pad);
    }
}
