using BenchmarkDotNet.Attributes;
using Limn.Engine.Kernels;
using Limn.Engine.Kernels.ChannelsLast;

namespace Limn.KernelBenchmarks;

/// <summary>Products of matrices: with weights packed once, and of two operands as they come.</summary>
public unsafe class ProductBenchmarks : IDisposable
{
    private readonly Memory memory = new();
    private int m, k, n;
    private PackedFilter packed = null!;
    private float[] a = [], b = [], c = [];
    private float* pa, pc;
    private Workers workers = Workers.Single;

    /// <summary>Rows, depth and columns.</summary>
    [Params("1576x192x768", "1576x768x192", "1024x256x1024", "25088x24x144", "25088x144x24", "197x64x197", "512x512x512")]
    public string Size { get; set; } = "";

    [Params(1, 2)]
    public int Threads { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        int[] sizes = Array.ConvertAll(Size.Split('x'), int.Parse);
        (m, k, n) = (sizes[0], sizes[1], sizes[2]);
        (a, b, c) = (Memory.Random(m * k), Memory.Random(k * n), new float[m * n]);
        packed = PackedFilter.OfMatrix(transposed: false, k, n, b);
        pa = memory.Floats(a.Length);
        pc = memory.Floats(c.Length);
        workers = new Workers(Threads);
    }

    [Benchmark]
    public void Packed() => PackedProduct.Run(m, pa, k, packed, new Epilogue(), pc, n, workers);

    [Benchmark]
    public void Plain() => Gemm.Multiply(false, false, m, n, k, 1, a, k, b, n, 0, c, n, workers);

    [Benchmark]
    public void PlainTransposed() => Gemm.Multiply(false, true, m, n, k, 1, a, k, b, k, 0, c, n, workers);

    [GlobalCleanup]
    public void Dispose() => memory.Dispose();
}
