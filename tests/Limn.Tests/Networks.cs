using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.Tests;

/// <summary>Small networks of which the right answers are known.</summary>
internal static class Networks
{
    /// <summary>F(x) = w · x + b, one output.</summary>
    public static OnnxModel Linear(float bias, params float[] weights)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), weights.Length]);
        g.Output(g.Add(g.MatMul(x, g.Constant(new NdArray(weights, weights.Length, 1))), g.Constant(NdArray.Vector(bias))), "y");
        return new OnnxModel(g.Build());
    }

    /// <summary>Captum's BasicModel_MultiLayer: three inputs, L0 = identity, L1 = ones(4x3) with bias [-10,1,1,1], ReLU, L2 = ones(2x4) with bias [-1,1].</summary>
    public static OnnxModel MultiLayer()
    {
        var g = new GraphBuilder();
        g.Output(MultiLayer(g, g.Input("x", ElementType.Float, [Dim.Named("batch"), 3])));
        return new OnnxModel(g.Build());
    }

    /// <summary>The same with a second branch, a copy of L1 and its ReLU "relu2", added to the first before L2.</summary>
    public static OnnxModel MultiLayerOfTwoBranches()
    {
        var g = new GraphBuilder();
        g.Output(MultiLayer(g, g.Input("x", ElementType.Float, [Dim.Named("batch"), 3]), twoBranches: true));
        return new OnnxModel(g.Build());
    }

    /// <summary>The multi-layer network of scale · (x1 + x2 + x3).</summary>
    public static OnnxModel MultiLayerOfThreeInputs(float scale)
    {
        var g = new GraphBuilder();
        Value[] x = [.. Enumerable.Range(1, 3).Select(i => g.Input($"x{i}", ElementType.Float, [Dim.Named("batch"), 3]))];
        g.Output(MultiLayer(g, g.Scale(g.Sum(x), scale)));
        return new OnnxModel(g.Build());
    }

    /// <summary>relu(relu(x₁) − 1 − relu(x₂)) when <paramref name="inside"/> is false, relu(relu(x₁ − 1) − relu(x₂)) when true; x in two inputs of [batch, 1].</summary>
    public static OnnxModel Difference(bool inside)
    {
        var g = new GraphBuilder();
        Value a = g.Input("x1", ElementType.Float, [Dim.Named("batch"), 1]), b = g.Input("x2", ElementType.Float, [Dim.Named("batch"), 1]);
        Value one = g.Constant(NdArray.Vector(1f));
        Value left = inside ? g.Relu(g.Sub(a, one)) : g.Sub(g.Relu(a), one);
        g.Output(g.Relu(g.Sub(left, g.Relu(b))));
        return new OnnxModel(g.Build());
    }

    /// <summary>A smooth random network [batch, inputs] → [batch, classes] with one hidden layer of tanh, named "hidden".</summary>
    public static OnnxModel Smooth(int inputs, int hidden, int classes, ulong seed, bool softmax = false)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), inputs]);
        Value h = g.Node(new Tanh(), [g.Add(g.MatMul(x, g.Constant(Random(seed, inputs, hidden))), g.Constant(Random(seed + 1, hidden)))], name: "hidden", outputNames: ["h"])[0];
        Value y = g.Add(g.MatMul(h, g.Constant(Random(seed + 2, hidden, classes))), g.Constant(Random(seed + 3, classes)));
        g.Output(softmax ? g.Softmax(y, 1) : y, "y");
        return new OnnxModel(g.Build());
    }

    public static NdArray Random(ulong seed, params int[] dims)
    {
        NdArray array = NdArray.Create(ElementType.Float, dims);
        new CounterRandom(seed).FillNormal(array.Floats);
        return array;
    }

    private static Value MultiLayer(GraphBuilder g, Value x, bool twoBranches = false)
    {
        Value l0 = g.Node(new Identity(), [x], name: "L0", outputNames: ["l0"])[0];
        Value Branch(string suffix)
        {
            Value l1 = g.Node(new Add(), [g.MatMul(l0, g.Constant(Ones(3, 4))), g.Constant(NdArray.Vector(-10f, 1, 1, 1))], name: "L1" + suffix, outputNames: ["l1" + suffix])[0];
            return g.Node(new Relu(), [l1], name: "relu" + suffix, outputNames: ["r" + suffix])[0];
        }
        Value relu = Branch("");
        if (twoBranches) relu = g.Add(relu, Branch("2"));
        return g.Node(new Add(), [g.MatMul(relu, g.Constant(Ones(4, 2))), g.Constant(NdArray.Vector(-1f, 1))], name: "L2", outputNames: ["l2"])[0];
    }

    private static NdArray Ones(params int[] dims)
    {
        NdArray array = NdArray.Create(ElementType.Float, dims);
        array.Floats.Fill(1);
        return array;
    }

    /// <summary>A picture [batch, channels, side, side] cut into patches of 2 x 2, which attend to each other ("attention"); their mean, a dense layer.</summary>
    public static OnnxModel Attending(int channels, int side, int classes, int width = 8)
    {
        int tokens = side / 2 * (side / 2);
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), channels, side, side]);
        Value patches = g.Conv(x, g.Constant(Random(1, width, channels, 2, 2)), window: new SlidingWindow { Kernel = [2, 2], Strides = [2, 2] });
        Value h = g.Transpose(g.Reshape(patches, 0, width, tokens), 0, 2, 1);
        Value scores = g.MatMul(g.MatMul(h, g.Constant(Random(2, width, width))), g.MatMul(h, g.Constant(Random(3, width, width))), transA: false, transB: true);
        Value attention = g.Node(new Softmax { Axis = -1 }, [scores], name: "attention", outputNames: ["A"])[0];
        h = g.Add(h, g.MatMul(attention, g.MatMul(h, g.Constant(Random(4, width, width)))));
        g.Output(g.MatMul(g.ReduceMean(h, [1], keepDims: false), g.Constant(Random(5, width, classes))), "y");
        return new OnnxModel(g.Build());
    }
}
