using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.Tests.Propagation;

/// <summary>The networks of Captum's own tests, of which the answers are known.</summary>
internal static class ReferenceNetworks
{
    /// <summary>One picture of 4 x 4: 0 to 15.</summary>
    public static NdArray Picture => new([.. Enumerable.Range(0, 16).Select(i => (float)i)], 1, 1, 4, 4);

    /// <summary>BasicModel_ConvNet_One_Conv: conv 1→2, 3x3, ones, bias −50 and −75; ReLU; fully connected 8→4 with rows [1 x5, −1 x3]; ReLU.</summary>
    /// <param name="twoInputs">Whether a second input is added to the first.</param>
    /// <param name="secondWidth">The width of the second input, which is repeated if it is 1.</param>
    public static OnnxModel OneConvolution(bool twoInputs = false, int secondWidth = 4)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 1, 4, 4]);
        Value sum = twoInputs ? g.Add(x, g.Input("x2", ElementType.Float, [Dim.Named("batch"), 1, 4, secondWidth])) : x;
        Value conv = g.Node(new Conv(new SlidingWindow()), [sum, g.Constant(Filled(1, 2, 1, 3, 3)), g.Constant(NdArray.Vector(-50f, -75))], name: "/conv1/Conv")[0];
        Value relu = g.Node(new Relu(), [conv], name: "/relu1/Relu", outputNames: ["r"])[0];
        NdArray weights = NdArray.Create(ElementType.Float, 4, 8);
        for (int i = 0; i < weights.Length; i++) weights.Floats[i] = i % 8 < 5 ? 1 : -1;
        Value fc = g.Node(new Gemm { TransB = true }, [g.Flatten(relu, 1), g.Constant(weights)], name: "/fc1/Gemm")[0];
        g.Output(g.Relu(fc), "y");
        return new OnnxModel(g.Build());
    }

    /// <summary>SimpleLRPModel: 3x3 of 2, ReLU (or tanh with 0.1), 1x3 of 3 (0.1), no bias; W1[0][0] = −2 if <paramref name="negative"/>.</summary>
    public static OnnxModel TwoLinear(bool negative = false, bool tanh = false)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 3]);
        NdArray first = Filled(tanh ? 0.1f : 2, 3, 3);
        if (negative) first.Floats[0] = -2;
        Value hidden = g.Node(new Gemm { TransB = true }, [x, g.Constant(first)], name: "/linear1/Gemm")[0];
        Value active = tanh ? g.Tanh(hidden) : g.Relu(hidden);
        g.Output(g.Node(new Gemm { TransB = true }, [active, g.Constant(Filled(tanh ? 0.1f : 3, 1, 3))], name: "/linear2/Gemm")[0]);
        return new OnnxModel(g.Build());
    }

    /// <summary>Two inputs of one element (and axes of more, if given): 2·relu(x1) + 2·relu(x2 − 1.5).</summary>
    public static OnnxModel TwoRectifiers(params int[] axes)
    {
        var g = new GraphBuilder();
        Shape shape = Shape.Of([Dim.Named("batch"), 1, .. axes.Select(a => (Dim)a)]);
        Value a = g.Input("x1", ElementType.Float, shape), b = g.Input("x2", ElementType.Float, shape);
        g.Output(g.Add(g.Scale(g.Relu(a), 2), g.Scale(g.Relu(g.Sub(b, g.Constant(1.5f))), 2)), "y");
        return new OnnxModel(g.Build());
    }

    /// <summary>ReLULinearModel: l1 = [3, 1, 0], l2 = [2, 3, 0], ReLU(cat(l1·x1, k·l2·x2)), l3 = [1, 1].</summary>
    public static OnnxModel TwoBranches(float k)
    {
        var g = new GraphBuilder();
        Value a = g.Input("x1", ElementType.Float, [Dim.Named("batch"), 3]), b = g.Input("x2", ElementType.Float, [Dim.Named("batch"), 3]);
        Value left = g.MatMul(a, g.Constant(new NdArray([3f, 1, 0], 3, 1))), right = g.Scale(g.MatMul(b, g.Constant(new NdArray([2f, 3, 0], 3, 1))), k);
        Value joint = g.Node(new Concat { Axis = 1 }, [left, right], name: "cat", outputNames: ["joint"])[0];
        Value relu = g.Node(new Relu(), [joint], name: "relu", outputNames: ["r"])[0];
        g.Output(g.Node(new MatMul(), [relu, g.Constant(Filled(1, 2, 1))], name: "l3", outputNames: ["l3"])[0]);
        return new OnnxModel(g.Build());
    }

    /// <summary>LinearMaxPoolLinearModel: 4 → identity → max-pool over 4 → 1.</summary>
    public static OnnxModel Pooled()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 4]);
        NdArray identity = NdArray.Create(ElementType.Float, 4, 4);
        for (int i = 0; i < 4; i++) identity.Floats[5 * i] = 1;
        Value pool = g.Node(new MaxPool(new SlidingWindow { Kernel = [4] }), [g.Unsqueeze(g.MatMul(x, g.Constant(identity)), 1)], name: "pool", outputNames: ["p"])[0];
        g.Output(g.MatMul(g.Flatten(pool, 1), g.Constant(Filled(1, 1, 1))), "y");
        return new OnnxModel(g.Build());
    }

    public static NdArray Filled(float value, params int[] dims)
    {
        NdArray array = NdArray.Create(ElementType.Float, dims);
        array.Floats.Fill(value);
        return array;
    }

    public static void Equal(double[] expected, float[] values, double tolerance = 1e-4)
    {
        Assert.Equal(expected.Length, values.Length);
        for (int i = 0; i < expected.Length; i++) Assert.True(Math.Abs(expected[i] - values[i]) <= tolerance, $"element {i}: {values[i]}, expected {expected[i]}");
    }
}
