using BenchmarkDotNet.Attributes;
using Limn.Engine.Kernels;
using Limn.Engine.Kernels.ChannelsLast;

namespace Limn.KernelBenchmarks;

/// <summary>3 x 3 convolutions of stride 1 as they come in ResNet and VGG: the direct sum and both Winograd tiles, forward and backward.</summary>
public unsafe class ConvolutionBenchmarks : IDisposable
{
    private readonly Memory memory = new();
    private ConvolutionShape shape;
    private PackedFilter direct = null!, back = null!;
    private WinogradFilter two = null!, four = null!;
    private float* x, y;
    private Workers workers = Workers.Single;

    [Params("64x56", "128x28", "256x14", "512x7", "512x28")]
    public string Layer { get; set; } = "";

    [Params(1, 8)]
    public int Batch { get; set; }

    [Params(1, 2)]
    public int Threads { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        int[] sizes = Array.ConvertAll(Layer.Split('x'), int.Parse);
        var axis = new WindowAxis(sizes[1], sizes[1], 3, PadBegin: 1, PadEnd: 1);
        shape = new ConvolutionShape { Batch = Batch, InChannels = sizes[0], OutChannels = sizes[0], Height = axis, Width = axis };
        float[] w = Memory.Random((int)shape.WeightLength);
        direct = PackedFilter.OfConvolution(shape, w);
        back = PackedFilter.OfInputGradient(shape, w);
        two = WinogradFilter.Of(shape, w, 2);
        four = WinogradFilter.Of(shape, w, 4);
        x = memory.Floats(shape.InputLength);
        y = memory.Floats(shape.OutputLength);
        workers = new Workers(Threads);
    }

    [Benchmark(Baseline = true)]
    public void Direct() => ChannelsLastConvolution.Forward(shape, x, direct, new Epilogue(), y, workers);

    [Benchmark]
    public void Winograd2() => WinogradConvolution.Forward(shape, x, two, new Epilogue(), y, workers);

    [Benchmark]
    public void Winograd4() => WinogradConvolution.Forward(shape, x, four, new Epilogue(), y, workers);

    [Benchmark]
    public void DirectGradient() => ChannelsLastConvolution.BackwardInput(shape, y, back, new Epilogue(), x, workers);

    [GlobalCleanup]
    public void Dispose() => memory.Dispose();
}
