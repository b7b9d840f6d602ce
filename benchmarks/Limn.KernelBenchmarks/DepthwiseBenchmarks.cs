using BenchmarkDotNet.Attributes;
using Limn.Engine.Kernels;
using Limn.Engine.Kernels.ChannelsLast;

namespace Limn.KernelBenchmarks;

/// <summary>Depthwise 3 x 3 convolutions and poolings of MobileNet V2 and ResNet.</summary>
public unsafe class DepthwiseBenchmarks : IDisposable
{
    private readonly Memory memory = new();
    private ConvolutionShape shape;
    private PooledShape pool;
    private float* x, y, w, dx;
    private Workers workers = Workers.Single;

    [Params("96x112s2", "144x56s1", "384x14s1")]
    public string Layer { get; set; } = "";

    [Params(1, 2)]
    public int Threads { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        int[] sizes = Array.ConvertAll(Layer.Split('x', 's'), int.Parse);
        int channels = sizes[0], input = sizes[1], stride = sizes[2], output = (input - 1) / stride + 1;
        var axis = new WindowAxis(input, output, 3, stride, PadBegin: 1, PadEnd: 1);
        shape = new ConvolutionShape { Batch = 8, InChannels = channels, OutChannels = channels, Groups = channels, Height = axis, Width = axis };
        pool = new PooledShape(8, channels, axis, axis);
        x = memory.Floats(shape.InputLength);
        dx = memory.Floats(shape.InputLength);
        y = memory.Floats(shape.OutputLength);
        w = memory.Floats(shape.WeightLength);
        ChannelsLastDepthwise.Pack(shape, Memory.Random((int)shape.WeightLength), new Span<float>(w, (int)shape.WeightLength));
        workers = new Workers(Threads);
    }

    [Benchmark]
    public void Forward() => ChannelsLastDepthwise.Forward(shape, x, w, new Epilogue(), y, workers);

    [Benchmark]
    public void Gradient() => ChannelsLastDepthwise.BackwardInput(shape, y, w, new Epilogue(), dx, workers);

    [Benchmark]
    public void MaxPool() => ChannelsLastPooling.Max(pool, x, y, workers);

    [Benchmark]
    public void MaxPoolGradient() => ChannelsLastPooling.MaxGradient(pool, x, y, y, new Epilogue(), dx, workers);

    [GlobalCleanup]
    public void Dispose() => memory.Dispose();
}
