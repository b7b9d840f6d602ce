using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.Tests.Propagation;

/// <summary>Random networks [batch, 2, 6, 6] → [batch, 3], each with one kind of difficulty in its middle.</summary>
internal static class RandomNetworks
{
    public static IReadOnlyDictionary<string, Func<GraphBuilder, Value, Value>> Bodies { get; } = new Dictionary<string, Func<GraphBuilder, Value, Value>>
    {
        ["relu"] = (g, x) => g.Relu(x),
        ["reused"] = (g, x) => { Value w = g.Constant(Networks.Random(31, 4, 4, 1, 1)); return g.Relu(g.Conv(g.Relu(g.Conv(x, w)), w)); },
        ["residual"] = (g, x) => g.Add(x, g.Node(new Relu(), [g.Conv(x, g.Constant(Networks.Random(32, 4, 4, 1, 1)))], name: "branch", outputNames: ["branch"])[0]),
        ["concat"] = (g, x) => g.Concat(1, g.Relu(x), g.Sigmoid(x)),
        ["pool"] = (g, x) => g.MaxPool(g.Relu(x), new SlidingWindow { Kernel = [3, 3], Strides = [1, 1], Pads = [1, 1, 1, 1] }),
        ["raw pool"] = (g, x) => g.MaxPool(x, new SlidingWindow { Kernel = [3, 3], Strides = [2, 2] }),
        ["global max"] = (g, x) => g.Add(g.GlobalMaxPool(x), g.ReduceMax(g.Tanh(x), [1])),
        ["max and min"] = (g, x) => g.Add(g.Max(x, g.Sin(x)), g.Min(x, g.Neg(x))),
        ["product"] = (g, x) => g.Mul(g.Sigmoid(x), g.Tanh(x)),
        ["quotient"] = (g, x) => g.Div(x, g.Add(g.Exp(g.Tanh(x)), g.ScalarLike(x, 1))),
        ["softmax"] = (g, x) => g.Softmax(g.Scale(x, 3), 1),
        ["log softmax"] = (g, x) => g.LogSoftmax(x, 3),
        ["attention"] = Attention,
        ["smooth"] = (g, x) => g.Sum(g.Gelu(x), g.Erf(x), g.Softplus(x), g.Op(new Mish(), x), g.Op(new Softsign(), x)),
        ["kinked"] = (g, x) => g.Sum(g.LeakyRelu(x, 0.2f), g.Op(new Elu(), x), g.Op(new Selu(), x), g.Op(new HardSigmoid(), x), g.Op(new HardSwish(), x), g.Clip(x, -0.5f, 0.7f), g.Abs(x)),
        ["roots"] = (g, x) => { Value p = g.Add(g.Mul(x, x), g.ScalarLike(x, 0.5f)); return g.Sum(g.Sqrt(p), g.Log(p), g.Reciprocal(p), g.Pow(p, 1.5f)); },
        ["power of two"] = (g, x) => g.Pow(p(g, x), p(g, g.Neg(x))),
        ["layer norm"] = (g, x) => g.LayerNormalization(x, g.Constant(Networks.Random(33, 6)), g.Constant(Networks.Random(34, 6))),
        ["layer norm by hand"] = LayerNormByHand,
        ["group norm"] = (g, x) => g.GroupNormalization(x, g.Constant(Networks.Random(35, 4)), g.Constant(Networks.Random(36, 4)), 2),
        ["instance norm"] = (g, x) => g.InstanceNormalization(x, g.Constant(Networks.Random(35, 4)), g.Constant(Networks.Random(36, 4))),
        ["norms"] = (g, x) => g.Add(g.Div(x, g.Add(g.Op(new ReduceL2(), x, g.Integers(1)), g.ScalarLike(x, 1))), g.Op(new LocalResponseNormalization(3), x)),
    };

    public static OnnxModel Of(string body)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 2, 6, 6]);
        Value stem = g.Node(new Conv(new SlidingWindow { Pads = [1, 1, 1, 1] }), [x, g.Constant(Scaled(41, 0.4f, 4, 2, 3, 3)), g.Constant(Networks.Random(42, 4))], name: "stem", outputNames: ["stem"])[0];
        Value middle = Bodies[body](g, stem);
        Value pooled = g.ReduceMean(middle, [2], keepDims: false);
        Value flat = g.Flatten(pooled, 1);
        int features = flat.Shape![1].Value;
        Value hidden = g.Tanh(g.MatMul(flat, g.Constant(Scaled(43, 0.3f / MathF.Sqrt(features), features, 5))));
        g.Output(g.MatMul(hidden, g.Constant(Networks.Random(44, 5, 3))), "y");
        return new OnnxModel(g.Build());
    }

    private static Value p(GraphBuilder g, Value x) => g.Add(g.Sigmoid(x), g.ScalarLike(x, 0.2f));

    /// <summary>softmax(x xᵀ / 2) x over the rows of each channel.</summary>
    private static Value Attention(GraphBuilder g, Value x)
    {
        Value scores = g.Scale(g.MatMul(x, g.Transpose(x, [0, 1, 3, 2])), 0.2f);
        return g.MatMul(g.Softmax(scores, -1), x);
    }

    private static Value LayerNormByHand(GraphBuilder g, Value x)
    {
        Value centred = g.Sub(x, g.ReduceMean(x, [3]));
        return g.Div(centred, g.Sqrt(g.Add(g.ReduceMean(g.Pow(centred, 2), [3]), g.ScalarLike(x, 1e-5f))));
    }

    private static NdArray Scaled(ulong seed, float scale, params int[] dims)
    {
        NdArray array = Networks.Random(seed, dims);
        foreach (ref float v in array.Floats) v *= scale;
        return array;
    }
}
