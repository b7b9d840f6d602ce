using Limn.Engine;
using Limn.Engine.Execution;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;

namespace Limn.Benchmarks.Networks;

/// <summary>A network that is measured.</summary>
/// <param name="Graph">The graph: one input, whose rows are open, and one output [rows, classes].</param>
/// <param name="Parameters">The numbers that training would change.</param>
/// <param name="Sample">Rows to feed it; null where the network is blank.</param>
internal sealed record Network(Graph Graph, long Parameters, NdArray? Sample);

/// <summary>
/// Makes networks layer by layer. Weights are random, from the seed alone, and bear the names that PyTorch gives them; a matrix that is stored the other way round than
/// PyTorch's bears ".T" behind its name.
/// </summary>
/// <remarks>
/// Weights are normal with variance gain / fan-in, which keeps the scale of activations (He et al. 2015, eq. 10, with gain 2 before a ReLU). A batch normalisation takes its
/// statistics from what arrives at it when the network so far runs on <see cref="sample"/>, as after training: so no network vanishes or explodes, however deep.
/// </remarks>
internal sealed class NetworkBuilder
{
    private const ulong Seed = 7;
    private const int Calibration = 2; // rows that batch normalisations take their statistics from

    private readonly GraphBuilder graph;
    private readonly NdArray? sample;
    private ulong stream = 1000;
    private long parameters;

    /// <param name="name">The graph's name.</param>
    /// <param name="type">The elements of the input: pixels or token ids.</param>
    /// <param name="sample">Rows to feed the network; null for a blank one, of which all weights are zero and which takes no time.</param>
    /// <param name="row">The shape of a row.</param>
    public NetworkBuilder(string name, ElementType type, NdArray? sample, params int[] row)
    {
        graph = new GraphBuilder(name);
        this.sample = sample;
        Input = graph.Input("input", type, [Dim.Named("batch"), .. row]);
    }

    public Value Input { get; }

    /// <summary>A network over pictures [rows, 3, 224, 224]; blank: without weights.</summary>
    public static NetworkBuilder OfPictures(string name, bool blank) => new(name, ElementType.Float, blank ? null : Samples.Pictures(8), 3, 224, 224);

    public Network Done(Value output)
    {
        graph.Output(output, "output");
        return new Network(graph.Build(), parameters, sample);
    }

    public Value Conv(Value x, string name, int outputs, int kernel, int stride = 1, int pad = 0, int group = 1, bool bias = true)
    {
        int inputs = x.Shape![1].Value / group;
        Value weight = Weight($"{name}.weight", 2.0 / (inputs * kernel * kernel), 0, outputs, inputs, kernel, kernel);
        return graph.Conv(x, weight, bias ? Bias(name, outputs) : null, Window(kernel, stride, pad), group);
    }

    /// <summary>Batch normalisation in inference form.</summary>
    public Value Norm(Value x, string name)
    {
        int channels = x.Shape![1].Value;
        Value scale = Weight($"{name}.weight", 0.04, 1, channels), bias = Weight($"{name}.bias", 0.04, 0, channels);
        var (mean, variance) = Statistics(x, channels);
        return graph.BatchNormalization(x, scale, bias, graph.Constant(mean, $"{name}.running_mean"), graph.Constant(variance, $"{name}.running_var"));
    }

    public Value Relu(Value x) => graph.Relu(x);

    public Value Relu6(Value x) => graph.Clip(x, 0, 6);

    public Value Tanh(Value x) => graph.Tanh(x);

    /// <summary>x · (1 + erf(x / √2)) / 2, node by node as exporters write it.</summary>
    public Value Gelu(Value x) =>
        graph.Mul(graph.Mul(x, graph.Add(graph.Erf(graph.Div(x, graph.Constant(MathF.Sqrt(2)))), graph.Constant(1))), graph.Constant(0.5f));

    public Value Add(Value a, Value b) => graph.Add(a, b);

    public Value Concat(params Value[] channels) => graph.Concat(1, channels);

    public Value MaxPool(Value x, int kernel, int stride, int pad = 0, bool ceil = false) => graph.MaxPool(x, Window(kernel, stride, pad) with { CeilMode = ceil });

    public Value AveragePool(Value x) => graph.Flatten(graph.GlobalAveragePool(x));

    public Value Flatten(Value x) => graph.Flatten(x);

    public Value LayerNorm(Value x, string name, float epsilon) =>
        graph.LayerNormalization(x, Weight($"{name}.weight", 0.01, 1, x.Shape![^1].Value), Bias(name, x.Shape[^1].Value), epsilon: epsilon);

    /// <summary>A dense layer: Gemm on rows, MatMul and Add on tokens, as exporters write it.</summary>
    public Value Linear(Value x, string name, int outputs, double gain = 1)
    {
        int inputs = x.Shape![^1].Value;
        return x.Rank == 2
            ? graph.Gemm(x, Weight($"{name}.weight", gain / inputs, 0, outputs, inputs), Bias(name, outputs), transB: true)
            : graph.Add(graph.MatMul(x, Weight($"{name}.weight.T", gain / inputs, 0, inputs, outputs)), Bias(name, outputs));
    }

    /// <summary>Multi-head self-attention of tokens [rows, tokens, width], with one projection for queries, keys and values.</summary>
    public Value Attention(Value x, string projection, string output, int heads)
    {
        int width = x.Shape![2].Value, each = width / heads;
        Value[] parts = [.. graph.SplitEvenly(Linear(x, projection, 3 * width), 2, 3).Select(p => graph.Transpose(graph.Reshape(p, 0, 0, heads, each), 0, 2, 1, 3))];
        Value scores = graph.MatMul(graph.Scale(parts[0], 1 / MathF.Sqrt(each)), graph.Transpose(parts[1], 0, 1, 3, 2));
        Value mixed = graph.MatMul(graph.Softmax(scores), parts[2]);
        return Linear(graph.Reshape(graph.Transpose(mixed, 0, 2, 1, 3), 0, 0, width), output, width);
    }

    /// <summary>Patches [rows, width, height, width] as tokens [rows, 1 + patches, width] after a learned one.</summary>
    public Value Tokens(Value patches, string first)
    {
        int width = patches.Shape![1].Value;
        Value tokens = graph.Transpose(graph.Reshape(patches, 0, width, -1), 0, 2, 1);
        Value own = graph.Expand(Weight(first, 1, 0, 1, 1, width), graph.Concat(0, graph.Op(new ShapeOf { End = 1 }, Input), graph.Integers(1, width)));
        return graph.Concat(1, own, tokens);
    }

    /// <summary>The vectors of token ids; the value is called "embedding".</summary>
    public Value Embed(Value ids, string name, int vocabulary, int width) =>
        graph.Node(new Gather(), [Weight($"{name}.weight", 1, 0, vocabulary, width), ids], outputNames: ["embedding"])[0];

    /// <summary>Adds a vector of each place.</summary>
    public Value AddPlaces(Value tokens, string name, params int[] dims) => graph.Add(tokens, Weight(name, 0.1, 0, dims));

    /// <summary>The first token of each row: [rows, width].</summary>
    public Value First(Value tokens) => graph.Gather(tokens, graph.Constant(NdArray.Scalar(0L)), 1);

    private static SlidingWindow Window(int kernel, int stride, int pad) => new() { Kernel = [kernel, kernel], Strides = [stride, stride], Pads = [pad, pad, pad, pad] };

    private Value Bias(string name, int length) => Weight($"{name}.bias", 0.01, 0, length);

    private Value Weight(string name, double variance, float mean, params int[] dims)
    {
        NdArray array = NdArray.Create(ElementType.Float, dims);
        parameters += array.Length;
        stream++;
        if (sample is not null)
        {
            new CounterRandom(Seed, stream).FillNormal(array.Floats);
            float scale = (float)Math.Sqrt(variance);
            foreach (ref float w in array.Floats) w = mean + scale * w;
        }
        return graph.Constant(array, name);
    }

    /// <summary>Mean and variance of each channel of what the network so far makes of the sample.</summary>
    private (NdArray Mean, NdArray Variance) Statistics(Value x, int channels)
    {
        NdArray mean = NdArray.Create(ElementType.Float, channels), variance = NdArray.Create(ElementType.Float, channels);
        if (sample is null) return (mean, variance);
        NdArray y = new Session(graph.Build()).Run(new Dictionary<Value, NdArray> { [Input] = sample.Rows(0, Calibration) }, [x])[0];
        int rows = y.Dims[0], inner = y.Length / (rows * channels);
        for (int c = 0; c < channels; c++)
        {
            double sum = 0, squares = 0;
            for (int r = 0; r < rows; r++)
                foreach (float v in y.Floats.Slice((r * channels + c) * inner, inner))
                {
                    sum += v;
                    squares += (double)v * v;
                }
            double average = sum / (rows * inner);
            mean.Floats[c] = (float)average;
            variance.Floats[c] = (float)Math.Max(1e-3, squares / (rows * inner) - average * average);
        }
        return (mean, variance);
    }
}
