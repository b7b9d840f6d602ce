using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Engine.Tests.Compilation;

/// <summary>Convolutional networks of random layers and odd sizes, in the ways in which real ones join them.</summary>
internal sealed class RandomNetwork
{
    private readonly System.Random random;
    private readonly GraphBuilder g = new();

    private RandomNetwork(int seed) => random = new System.Random(seed);

    /// <summary>A network [batch, channels, height, width] → [batch, 5] of <paramref name="layers"/> random layers.</summary>
    public static Graph Of(int seed, int layers = 7)
    {
        var network = new RandomNetwork(seed);
        GraphBuilder graph = network.g;
        int channels = network.random.Next(1, 5);
        Value x = graph.Input("x", ElementType.Float, [Dim.Named("batch"), channels, network.random.Next(9, 16), network.random.Next(9, 16)]);
        Value y = network.Conv(x, network.Channels(), 3, 1, 1);
        for (int i = 0; i < layers; i++) y = network.Layer(y);
        Value pooled = graph.Flatten(graph.GlobalAveragePool(y));
        int width = (int)y.Shape![1].Value;
        graph.Output(graph.Gemm(pooled, network.Weights(5, width), network.Weights(5), transB: true), "y");
        return graph.Build();
    }

    /// <summary>A residual block between a convolution and a linear layer.</summary>
    public static Graph Residual()
    {
        var network = new RandomNetwork(1);
        GraphBuilder graph = network.g;
        Value x = graph.Input("x", ElementType.Float, [Dim.Named("batch"), 3, 12, 12]);
        Value y = graph.Relu(network.Norm(network.Conv(x, 16, 3, 1, 1)));
        Value inner = graph.Relu(network.Norm(network.Conv(y, 16, 3, 1, 1)));
        y = graph.Relu(graph.Add(network.Norm(network.Conv(inner, 16, 3, 1, 1)), y));
        graph.Output(graph.Gemm(graph.Flatten(graph.GlobalAveragePool(y)), network.Weights(5, 16), transB: true), "y");
        return graph.Build();
    }

    /// <summary>Two modules that squeeze, go two ways and join.</summary>
    public static Graph Fire()
    {
        var network = new RandomNetwork(2);
        GraphBuilder graph = network.g;
        Value y = graph.Input("x", ElementType.Float, [Dim.Named("batch"), 16, 12, 12]);
        foreach (int channels in (int[])[16, 24])
        {
            Value squeezed = graph.Relu(network.Conv(y, 8, 1, 1, 0));
            y = graph.Concat(1, graph.Relu(network.Conv(squeezed, channels, 1, 1, 0)), graph.Relu(network.Conv(squeezed, channels, 3, 1, 1)));
        }
        y = network.Conv(y, 8, 3, 1, 1);
        graph.Output(graph.Gemm(graph.Flatten(graph.GlobalAveragePool(y)), network.Weights(5, 8), transB: true), "y");
        return graph.Build();
    }

    /// <summary>Random numbers in the shape of a value.</summary>
    public static NdArray Feed(Value value, int batch, int seed)
    {
        var numbers = new System.Random(seed);
        int[] dims = [batch, .. value.Shape!.Skip(1).Select(d => d.Value)];
        return new NdArray([.. Enumerable.Range(0, NdArray.Count(dims)).Select(_ => (float)(2 * numbers.NextDouble() - 1))], dims);
    }

    private int Channels() => ((int[])[1, 3, 8, 16, 17, 24, 32, 40])[random.Next(8)];

    private Value Layer(Value x)
    {
        int channels = x.Shape![1].Value, height = x.Shape[2].Value, width = x.Shape[3].Value;
        bool large = height > 4 && width > 4;
        switch (random.Next(17))
        {
            case 0: return g.Relu(Conv(x, Channels(), 3, large ? random.Next(1, 3) : 1, 1));
            case 1: return g.Relu(Norm(Conv(x, Channels(), 1, 1, 0)));
            case 2: // a residual block
                Value inner = g.Relu(Norm(Conv(x, channels, 3, 1, 1)));
                return g.Relu(g.Add(Norm(Conv(inner, channels, 3, 1, 1)), random.Next(2) == 0 ? x : Conv(x, channels, 1, 1, 0)));
            case 3: // a fire module
                Value squeezed = g.Relu(Conv(x, Channels(), 1, 1, 0));
                return g.Concat(1, g.Relu(Conv(squeezed, Channels(), 1, 1, 0)), g.Relu(Conv(squeezed, Channels(), 3, 1, 1)));
            case 4: return g.Clip(Norm(Depthwise(x, large ? random.Next(1, 3) : 1)), 0, 6);
            case 5 when large: return g.MaxPool(x, new SlidingWindow { Kernel = [3, 3], Strides = [2, 2], Pads = random.Next(2) == 0 ? [1, 1, 1, 1] : [] });
            case 6 when large: return g.AveragePool(x, new SlidingWindow { Kernel = [2, 3], Strides = [2, 1], Pads = [0, 1, 1, 0] }, random.Next(2) == 0);
            case 7: // squeeze and excitation
                Value gate = g.Sigmoid(Conv(g.Relu(Conv(g.GlobalAveragePool(x), 4, 1, 1, 0)), channels, 1, 1, 0));
                return g.Mul(x, gate);
            case 8: return g.Mul(x, g.Sigmoid(x));
            case 9: return g.LeakyRelu(Conv(x, Channels(), 3, 1, 1), 0.1f);
            case 10 when channels > 1: // parts that go different ways
                IReadOnlyList<Value> parts = g.Split(x, 1, channels / 2, channels - channels / 2);
                return g.Concat(1, g.Relu(parts[1]), Conv(parts[0], 8, 1, 1, 0));
            case 11 when channels % 4 == 0: return g.Relu(Conv(x, 2 * channels, 3, 1, 1, group: 4));
            case 12: return g.Add(x, Weights(channels, 1, 1));
            case 13: return g.Transpose(g.Relu(g.Transpose(x, 0, 2, 3, 1)), 0, 3, 1, 2);
            case 14: // parts that are joined twice, one of them with itself
                Value twice = g.Relu(Conv(x, Channels(), 1, 1, 0)), once = Conv(x, Channels(), 3, 1, 1);
                return g.Concat(1, g.Concat(1, twice, once), twice, twice);
            case 15 when channels > 1: // parts that are convolved where they lie, one of them in two ways and one of them not only that
                IReadOnlyList<Value> lying = g.Split(x, 1, channels / 2, channels - channels / 2);
                Value second = Conv(lying[1], 16, 3, 1, 1);
                Value sum = g.Add(g.Relu(Conv(lying[0], 16, 1, 1, 0)), Conv(lying[0], 16, 3, 1, 1));
                return random.Next(2) == 0 ? g.Concat(1, sum, g.Clip(second, 0, 6)) : g.Concat(1, sum, second, g.Relu(lying[1]));
            case 16: // dense: each layer sees all before it
                Value all = x;
                for (int i = 0; i < 3; i++) all = g.Concat(1, all, Conv(g.Relu(Norm(all)), 8, i == 1 ? 1 : 3, 1, i == 1 ? 0 : 1));
                return all;
            default: return g.Relu(Conv(x, Channels(), 3, 1, 1));
        }
    }

    private Value Conv(Value x, int channels, int kernel, int stride, int pad, int group = 1)
    {
        int inputs = x.Shape![1].Value;
        var window = new SlidingWindow { Kernel = [kernel, kernel], Strides = [stride, stride], Pads = [pad, pad, pad, pad] };
        return g.Conv(x, Weights(channels, inputs / group, kernel, kernel), random.Next(2) == 0 ? Weights(channels) : null, window, group);
    }

    private Value Depthwise(Value x, int stride) => Conv(x, x.Shape![1].Value, 3, stride, 1, x.Shape[1].Value);

    private Value Norm(Value x)
    {
        int channels = x.Shape![1].Value;
        return g.BatchNormalization(x, Weights(channels), Weights(channels), Weights(channels), Positive(channels));
    }

    private Value Weights(params int[] dims)
    {
        int fan = Math.Max(1, NdArray.Count(dims) / dims[0]);
        return g.Constant(new NdArray([.. Enumerable.Range(0, NdArray.Count(dims)).Select(_ => (float)((2 * random.NextDouble() - 1) * 1.7 / Math.Sqrt(fan)))], dims));
    }

    private Value Positive(int channels) => g.Constant(new NdArray([.. Enumerable.Range(0, channels).Select(_ => (float)(0.5 + random.NextDouble()))], channels));
}
