using BenchmarkDotNet.Attributes;
using Limn.Engine.Kernels;

namespace Limn.KernelBenchmarks;

/// <summary>Functions of single elements, whose rates a chain of them is held against.</summary>
public class FunctionBenchmarks
{
    private readonly float[] x = Memory.Random(1 << 16), y = new float[1 << 16];

    [Benchmark(Baseline = true)]
    public void Relu() => Elementwise.Relu(x, y, Workers.Single);

    [Benchmark]
    public void Tanh() => Elementwise.Tanh(x, y, Workers.Single);

    [Benchmark]
    public void Sigmoid() => Elementwise.Sigmoid(x, y, Workers.Single);

    [Benchmark]
    public void Exp() => Elementwise.Exp(x, y, Workers.Single);

    [Benchmark]
    public void Erf() => Elementwise.Erf(x, y, Workers.Single);
}
