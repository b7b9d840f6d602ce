using Limn.Engine.Kernels;
using Limn.Engine.Kernels.ChannelsLast;

namespace Limn.Engine.Tests.Kernels.ChannelsLast;

public sealed unsafe class WinogradTests
{
    private static readonly int[] Channels = [1, 3, 15, 16, 17, 24, 33, 64];

    public static TheoryData<int, int> TilesAndWidths => new() { { 2, 1 }, { 2, 4 }, { 2, 8 }, { 2, 16 }, { 4, 1 }, { 4, 4 }, { 4, 8 }, { 4, 16 } };

    public static TheoryData<int> Tiles => [2, 4];

    [Theory]
    [MemberData(nameof(TilesAndWidths))]
    public void Convolution_and_input_gradient_match_the_naive_loops(int tile, int width)
    {
        var random = new Random(tile * 100 + width);
        for (int i = 0; i < 10; i++)
        {
            ConvolutionShape shape = RandomShape(random);
            float[] x = Numbers.Random(shape.InputLength, i), w = Numbers.Random(shape.WeightLength, i + 1), dy = Numbers.Random(shape.OutputLength, i + 2);
            AssertNear(WinogradReference.Forward(shape, x, w), Forward(shape, x, WinogradFilter.Of(shape, w, tile, (VectorWidth)width)), shape);

            float[] dx = new float[x.Length];
            var filter = WinogradFilter.OfInputGradient(shape, w, tile, (VectorWidth)width);
            fixed (float* from = dy, to = dx) WinogradConvolution.BackwardInput(shape, from, filter, default, to, Workers.Single);
            AssertNear(WinogradReference.BackwardInput(shape, dy, w), dx, shape);
        }
    }

    [Theory]
    [MemberData(nameof(Tiles))]
    public void Forward_and_input_gradient_are_adjoint(int tile)
    {
        var random = new Random(9);
        for (int i = 0; i < 20; i++)
        {
            ConvolutionShape shape = RandomShape(random);
            float[] x = Numbers.Random(shape.InputLength, 1), w = Numbers.Random(shape.WeightLength, 2), dy = Numbers.Random(shape.OutputLength, 3), dx = new float[x.Length];
            float[] y = Forward(shape, x, WinogradFilter.Of(shape, w, tile));
            var filter = WinogradFilter.OfInputGradient(shape, w, tile);
            fixed (float* from = dy, to = dx) WinogradConvolution.BackwardInput(shape, from, filter, default, to, Workers.Single);
            double scale = Math.Sqrt(Numbers.Dot(y, y) * Numbers.Dot(dy, dy));
            Assert.Equal(Numbers.Dot(y, dy), Numbers.Dot(x, dx), 1e-5 * scale + 1e-9);
        }
    }

    [Theory]
    [MemberData(nameof(TilesAndWidths))]
    public void Epilogue_adds_bias_and_residual_then_activates_then_gates(int tile, int width)
    {
        var random = new Random(width);
        for (int i = 0; i < 10; i++)
        {
            ConvolutionShape shape = RandomShape(random);
            float[] x = Numbers.Random(shape.InputLength, 1), w = Numbers.Random(shape.WeightLength, 2), bias = Numbers.Random(shape.OutChannels, 3);
            float[] residual = Numbers.Random(shape.OutputLength, 4), gate = Numbers.Random(shape.OutputLength, 5);
            if (gate.Length > 1) (gate[0], gate[1]) = (0, float.NaN);
            bool withBias = i % 2 == 0, withResidual = i / 2 % 2 == 0, withGate = i / 4 % 2 == 0;
            Activation activation = (i % 3) switch { 0 => Activation.None, 1 => Activation.Relu, _ => Activation.Clip };
            double[] expected = WinogradReference.Forward(shape, x, w);
            for (int j = 0; j < expected.Length; j++)
            {
                double sum = expected[j] + (withBias ? bias[j % shape.OutChannels] : 0) + (withResidual ? residual[j] : 0);
                if (activation == Activation.Relu) sum = Math.Max(sum, 0);
                if (activation == Activation.Clip) sum = Math.Clamp(sum, -0.25, 0.75);
                expected[j] = withGate && !(gate[j] > 0) ? 0 : sum;
            }
            fixed (float* b = bias, r = residual, g = gate)
            {
                var epilogue = new Epilogue
                {
                    Bias = withBias ? b : null, Residual = withResidual ? r : null, Gate = withGate ? g : null, Activation = activation, Low = -0.25f, High = 0.75f,
                };
                AssertNear(expected, Forward(shape, x, WinogradFilter.Of(shape, w, tile, (VectorWidth)width), epilogue), shape);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Tiles))]
    public void A_residual_may_be_the_output_itself(int tile)
    {
        ConvolutionShape shape = Square(2, 9, 17, 20);
        float[] x = Numbers.Random(shape.InputLength, 1), w = Numbers.Random(shape.WeightLength, 2), y = Numbers.Random(shape.OutputLength, 3);
        double[] expected = WinogradReference.Forward(shape, x, w);
        for (int i = 0; i < y.Length; i++) expected[i] += y[i];
        fixed (float* from = x, to = y) WinogradConvolution.Forward(shape, from, WinogradFilter.Of(shape, w, tile), new Epilogue { Residual = to }, to, Workers.Single);
        AssertNear(expected, y, shape);
    }

    [Theory]
    [MemberData(nameof(Tiles))]
    public void Any_number_of_threads_gives_the_same_bits(int tile)
    {
        // One shape of blocks that are a thread's own, one of blocks that are shared, one of hardly any tiles.
        ConvolutionShape[] shapes = [Square(1, 30, 24, 33), Square(1, 27, 96, 97), Square(1, 7, 144, 150)];
        foreach (ConvolutionShape shape in shapes)
        {
            float[] x = Numbers.Random(shape.InputLength, 1), w = Numbers.Random(shape.WeightLength, 2);
            var filter = WinogradFilter.Of(shape, w, tile);
            float[] expected = Forward(shape, x, filter);
            AssertNear(WinogradReference.Forward(shape, x, w), expected, shape);
            for (int threads = 2; threads <= 8; threads++) Assert.Equal(expected, Forward(shape, x, filter, workers: new Workers(threads)));
        }
    }

    [Theory]
    [MemberData(nameof(Tiles))]
    public void Nothing_beyond_the_tensors_is_written(int tile)
    {
        const int Guard = 64;
        ConvolutionShape shape = Square(1, 7, 5, 19);
        float[] x = Numbers.Random(shape.InputLength, 1), w = Numbers.Random(shape.WeightLength, 2);
        foreach (int width in (int[])[1, 4, 8, 16])
        {
            float[] y = new float[shape.OutputLength + 2 * Guard];
            Array.Fill(y, 7);
            fixed (float* from = x, to = y) WinogradConvolution.Forward(shape, from, WinogradFilter.Of(shape, w, tile, (VectorWidth)width), default, to + Guard, Workers.Single);
            Assert.All(y[..Guard], v => Assert.Equal(7, v));
            Assert.All(y[^Guard..], v => Assert.Equal(7, v));
        }
    }

    [Theory]
    [MemberData(nameof(TilesAndWidths))]
    public void A_NaN_reaches_every_window_that_holds_it_and_no_tile_that_does_not_read_it(int tile, int width)
    {
        const int Size = 13, Row = 5, Column = 8;
        ConvolutionShape shape = Square(1, Size, 3, 5);
        float[] x = Numbers.Random(shape.InputLength, 1), w = Numbers.Random(shape.WeightLength, 2);
        x[(Row * Size + Column) * 3 + 1] = float.NaN;
        var filter = WinogradFilter.Of(shape, w, tile, (VectorWidth)width);
        foreach (Epilogue epilogue in (Epilogue[])[default, new Epilogue { Activation = Activation.Relu }, new Epilogue { Activation = Activation.Clip, Low = -1, High = 1 }])
        {
            float[] y = Forward(shape, x, filter, epilogue);
            for (int i = 0; i < y.Length; i++)
            {
                int row = i / 5 / Size, column = i / 5 % Size, top = row / tile * tile - 1, left = column / tile * tile - 1;
                bool inWindow = Math.Abs(row - Row) <= 1 && Math.Abs(column - Column) <= 1;
                bool read = top <= Row && Row < top + tile + 2 && left <= Column && Column < left + tile + 2;
                if (inWindow) Assert.True(float.IsNaN(y[i]), $"the window at {row}, {column} holds the NaN and gives {y[i]}");
                if (!read) Assert.False(float.IsNaN(y[i]), $"the tile of {row}, {column} does not read the NaN and gives it");
            }
        }
    }

    [Fact]
    public void Rounding_errors_are_small()
    {
        ConvolutionShape shape = Square(1, 10, 512, 32);
        var random = new Random(3);
        float[] x = Normal(random, shape.InputLength), w = Normal(random, shape.WeightLength);
        double[] expected = WinogradReference.Forward(shape, x, w);
        double two = RelativeError(expected, Forward(shape, x, WinogradFilter.Of(shape, w, 2))), four = RelativeError(expected, Forward(shape, x, WinogradFilter.Of(shape, w, 4)));
        Assert.InRange(two, 1e-8, 1.2e-6);
        Assert.InRange(four, 1e-8, 2.5e-6);
    }

    [Fact]
    public void What_does_not_fit_is_refused()
    {
        ConvolutionShape shape = Square(1, 8, 3, 4);
        float[] w = new float[shape.WeightLength];
        Assert.Throws<ArgumentException>(() => WinogradFilter.Of(shape, w, 3));
        Assert.Throws<ArgumentException>(() => WinogradFilter.Of(shape, new float[5], 4));
        Assert.Throws<ArgumentException>(() => WinogradFilter.Of(shape with { Width = new WindowAxis(8, 4, 3, Stride: 2, PadBegin: 1) }, w, 4));
        Assert.Throws<ArgumentException>(() => WinogradFilter.OfInputGradient(shape with { InChannels = 6, OutChannels = 4, Groups = 2 }, w, 4));
        var filter = WinogradFilter.Of(shape, w, 4);
        Assert.Throws<ArgumentException>(() => Forward(shape with { InChannels = 4, OutChannels = 3 }, new float[256], filter));
    }

    [Theory]
    [MemberData(nameof(Tiles))]
    public void Nothing_in_gives_nothing_out_and_no_channels_give_the_bias(int tile)
    {
        ConvolutionShape empty = Square(0, 8, 3, 4);
        Assert.Empty(Forward(empty, [], WinogradFilter.Of(empty, new float[empty.WeightLength], tile)));
        ConvolutionShape none = Square(1, 5, 0, 3);
        float[] bias = [1, 2, 3];
        fixed (float* b = bias)
        {
            float[] y = Forward(none, [], WinogradFilter.Of(none, [], tile), new Epilogue { Bias = b });
            for (int i = 0; i < y.Length; i++) Assert.Equal(bias[i % 3], y[i]);
        }
    }

    [Fact]
    public void The_choice_follows_the_image_and_the_channels()
    {
        Assert.Equal(4, WinogradConvolution.Choose(Square(8, 56, 64, 64)));
        Assert.Equal(4, WinogradConvolution.Choose(Square(1, 28, 512, 512)));
        Assert.Equal(0, WinogradConvolution.Choose(Square(8, 224, 3, 16)));
        Assert.Equal(0, WinogradConvolution.Choose(Square(1, 1, 512, 512)));
        if (VectorWidths.Best == VectorWidth.Vector512) Assert.Equal(2, WinogradConvolution.Choose(Square(1, 7, 512, 512))); // reading the weights decides
        Assert.Equal(0, WinogradConvolution.Choose(Square(1, 56, 64, 64) with { Groups = 2 }));
        Assert.Equal(0, WinogradConvolution.Choose(Square(0, 56, 64, 64)));
    }

    /// <summary>U = G g Gᵀ of each pair of channels, in double and rounded once, at its place in the panels; zeros for channels that are not there.</summary>
    [Theory]
    [MemberData(nameof(TilesAndWidths))]
    public void A_filter_is_the_transform_of_the_weights_to_the_bit(int tile, int width)
    {
        ConvolutionShape shape = Square(1, 8, 5, 37);
        float[] w = Numbers.Random(shape.WeightLength, 7);
        AssertTransformed(WinogradFilter.Of(shape, w, tile, (VectorWidth)width), (o, i, tap) => w[(o * 5 + i) * 9 + tap]);
        AssertTransformed(WinogradFilter.OfInputGradient(shape, w, tile, (VectorWidth)width), (o, i, tap) => w[(i * 5 + o) * 9 + 8 - tap]);
    }

    private static void AssertTransformed(WinogradFilter filter, Func<int, int, int, float> weight)
    {
        ReadOnlySpan<double> g = filter.Tile == 4 ? WinogradTile4.Filter : WinogradTile2.Filter;
        int side = filter.Tile + 2, panel = 2 * (int)filter.Width;
        double[] half = new double[side * 3];
        for (int o = 0; o < filter.OutPadded; o++)
        {
            int first = o / panel * panel, across = Math.Min(panel, filter.OutPadded - first);
            for (int i = 0; i < filter.InChannels; i++)
            {
                for (int r = 0; r < side; r++)
                    for (int x = 0; x < 3; x++) half[r * 3 + x] = o >= filter.OutChannels ? 0 : g[3 * r] * weight(o, i, x) + g[3 * r + 1] * weight(o, i, 3 + x) + g[3 * r + 2] * weight(o, i, 6 + x);
                for (int point = 0; point < side * side; point++)
                {
                    int r = point / side * 3, c = point % side * 3;
                    float expected = (float)(half[r] * g[c] + half[r + 1] * g[c + 1] + half[r + 2] * g[c + 2]);
                    Assert.Equal(expected, filter.Panels[point * filter.PointLength + (long)first * filter.InChannels + (long)i * across + o - first]);
                }
            }
        }
    }

    [Fact]
    public void A_filter_holds_the_products_of_its_tile()
    {
        ConvolutionShape shape = Square(1, 8, 16, 32);
        float[] w = new float[shape.WeightLength];
        Assert.Equal(16 * 16 * 32 * 4, WinogradFilter.Of(shape, w, 2).Bytes);
        Assert.Equal(36 * 16 * 32 * 4, WinogradFilter.Of(shape, w, 4).Bytes);
    }

    private static ConvolutionShape Square(int batch, int size, int inChannels, int outChannels) => new()
    {
        Batch = batch, InChannels = inChannels, OutChannels = outChannels, Height = new(size, size, 3, PadBegin: 1), Width = new(size, size, 3, PadBegin: 1),
    };

    private static ConvolutionShape RandomShape(Random random)
    {
        int inChannels = Channels[random.Next(Channels.Length)], outChannels = Channels[random.Next(Channels.Length)];
        int most = (inChannels * outChannels) switch { > 300 => 9, > 60 => 17, _ => 31 }; // the naive loops are slow
        return new() { Batch = random.Next(4) == 0 ? 3 : 1, InChannels = inChannels, OutChannels = outChannels, Height = Axis(), Width = Axis() };

        WindowAxis Axis()
        {
            int input = random.Next(1, most), begin = random.Next(3), end = random.Next(3);
            return new(input, Math.Max(1, input + begin + end - 2), 3, PadBegin: begin);
        }
    }

    private static float[] Forward(in ConvolutionShape shape, float[] x, WinogradFilter filter, Epilogue epilogue = default, Workers? workers = null)
    {
        float[] y = new float[shape.OutputLength];
        Array.Fill(y, 7);
        fixed (float* from = x, to = y) WinogradConvolution.Forward(shape, from, filter, epilogue, to, workers ?? Workers.Single);
        return y;
    }

    private static float[] Normal(Random random, long count)
    {
        float[] values = new float[count];
        for (int i = 0; i < values.Length; i++) values[i] = (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        return values;
    }

    private static double RelativeError(double[] expected, float[] actual)
    {
        double error = 0, norm = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            error += (actual[i] - expected[i]) * (actual[i] - expected[i]);
            norm += expected[i] * expected[i];
        }
        return Math.Sqrt(error / norm);
    }

    private static void AssertNear(double[] expected, float[] actual, in ConvolutionShape shape)
    {
        double tolerance = 3e-5 * Math.Sqrt(Math.Max(shape.InChannels, shape.OutChannels));
        for (int i = 0; i < actual.Length; i++) Assert.True(Math.Abs(actual[i] - expected[i]) <= tolerance, $"{shape} at {i}: {actual[i]} for {expected[i]}");
    }
}
