using Limn.Engine.Kernels;
using Limn.Engine.Kernels.ChannelsLast;

namespace Limn.Engine.Tests.Kernels.ChannelsLast;

/// <summary>Convolutions that read some channels of a larger tensor and write some of another give the bits of those on whole tensors and leave all else alone.</summary>
public sealed unsafe class SliceTests
{
    private const float Untouched = 12345;

    private static readonly int[] Channels = [1, 3, 8, 16, 17, 24, 33, 48];

    private delegate void Kernel(float* from, nint fromStep, float* to, nint toStep);

    public static TheoryData<int> Widths => [1, 4, 8, 16];

    [Theory]
    [MemberData(nameof(Widths))]
    public void Direct_convolutions_and_their_gradients(int width)
    {
        var random = new Random(width);
        for (int i = 0; i < 30; i++)
        {
            ConvolutionShape shape = Shape(random, 1 + random.Next(3), 1 + random.Next(2));
            float[] w = Numbers.Random(shape.WeightLength, 2);
            PackedFilter forward = PackedFilter.OfConvolution(shape, w, (VectorWidth)width), backward = PackedFilter.OfInputGradient(shape, w, (VectorWidth)width);
            var workers = new Workers(1 + i % 3);
            Compare(random, shape.InputLength, shape.InChannels, shape.OutputLength, shape.OutChannels, writesSlices: true,
                (from, fromStep, to, toStep) => ChannelsLastConvolution.Forward(shape, from, forward, new Epilogue { Activation = Activation.Relu }, to, workers, fromStep, toStep));
            Compare(random, shape.OutputLength, shape.OutChannels, shape.InputLength, shape.InChannels, writesSlices: backward.Block == (1, 1),
                (from, fromStep, to, toStep) => ChannelsLastConvolution.BackwardInput(shape, from, backward, default, to, workers, fromStep, toStep));
        }
    }

    [Theory]
    [MemberData(nameof(Widths))]
    public void Winograd_convolutions_and_their_gradients(int width)
    {
        var random = new Random(width);
        for (int i = 0; i < 16; i++)
        {
            ConvolutionShape shape = Shape(random, 3, 1);
            int tile = 2 + i % 2 * 2;
            float[] w = Numbers.Random(shape.WeightLength, 2);
            WinogradFilter forward = WinogradFilter.Of(shape, w, tile, (VectorWidth)width), backward = WinogradFilter.OfInputGradient(shape, w, tile, (VectorWidth)width);
            var workers = new Workers(1 + i % 3);
            Compare(random, shape.InputLength, shape.InChannels, shape.OutputLength, shape.OutChannels, writesSlices: true,
                (from, fromStep, to, toStep) => WinogradConvolution.Forward(shape, from, forward, new Epilogue { Activation = Activation.Relu }, to, workers, fromStep, toStep));
            Compare(random, shape.OutputLength, shape.OutChannels, shape.InputLength, shape.InChannels, writesSlices: true,
                (from, fromStep, to, toStep) => WinogradConvolution.BackwardInput(shape, from, backward, default, to, workers, fromStep, toStep));
        }
    }

    [Fact]
    public void Gradients_of_few_channels_are_written_whole_or_not_at_all()
    {
        var axis = new WindowAxis(12, 6, 3, 2, 1, 1);
        var shape = new ConvolutionShape { Batch = 1, InChannels = 3, OutChannels = 32, Height = axis, Width = axis };
        PackedFilter backward = PackedFilter.OfInputGradient(shape, Numbers.Random(shape.WeightLength, 1), VectorWidth.Vector512);
        Assert.NotEqual((1, 1), backward.Block);
        Assert.Throws<ArgumentException>(() => ChannelsLastConvolution.BackwardInput(shape, null, backward, default, null, Workers.Single, 0, 5));
    }

    private static void Compare(Random random, long inputs, int inChannels, long outputs, int outChannels, bool writesSlices, Kernel kernel)
    {
        int before = random.Next(5), fromStep = inChannels + before + random.Next(20), first = random.Next(5), toStep = outChannels + first + random.Next(20);
        if (!writesSlices) (first, toStep) = (0, outChannels);
        float[] x = Numbers.Random(inputs, 1), whole = new float[outputs];
        float[] larger = new float[inputs / inChannels * fromStep], slice = new float[outputs / outChannels * toStep];
        Array.Fill(larger, float.NaN);
        Array.Fill(slice, Untouched);
        for (int p = 0; p < inputs / inChannels; p++) x.AsSpan(p * inChannels, inChannels).CopyTo(larger.AsSpan(p * fromStep + before));
        fixed (float* px = x, pw = whole, pl = larger, ps = slice)
        {
            kernel(px, 0, pw, 0);
            kernel(pl + before, fromStep, ps + first, writesSlices ? toStep : 0);
        }
        for (int i = 0; i < slice.Length; i++)
        {
            int channel = i % toStep - first;
            float expected = (uint)channel < (uint)outChannels ? whole[i / toStep * outChannels + channel] : Untouched;
            Assert.True(BitConverter.SingleToInt32Bits(expected) == BitConverter.SingleToInt32Bits(slice[i]), $"{slice[i]} at {i}, and {expected} expected");
        }
    }

    private static ConvolutionShape Shape(Random random, int kernel, int stride)
    {
        int size = 4 + random.Next(9), pad = random.Next(2);
        if (kernel == 1) pad = 0;
        var axis = new WindowAxis(size, (size + 2 * pad - kernel) / stride + 1, kernel, stride, 1, pad);
        return new() { Batch = 1 + random.Next(2), InChannels = Channels[random.Next(Channels.Length)], OutChannels = Channels[random.Next(Channels.Length)], Height = axis, Width = axis };
    }
}
