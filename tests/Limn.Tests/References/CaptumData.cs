using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;
using Limn.Tests.Propagation;

namespace Limn.Tests.References;

/// <summary>The networks and inputs of Captum's own tests, under short names; see also <see cref="Networks"/> and <see cref="ReferenceNetworks"/>.</summary>
internal static class CaptumData
{
    public static readonly OnnxModel Multi = Networks.MultiLayer(), Branches = Networks.MultiLayerOfTwoBranches(), Three = Networks.MultiLayerOfThreeInputs(1),
        Conv = ReferenceNetworks.OneConvolution(), ConvOfTwo = ReferenceNetworks.OneConvolution(twoInputs: true),
        Linear = ReferenceNetworks.TwoLinear(), Negative = ReferenceNetworks.TwoLinear(negative: true), Cat = ReferenceNetworks.TwoBranches(1);

    public static readonly NdArray X100 = Row(0, 100, 0), X253 = Row(20, 50, 30), X123 = Row(1, 2, 3), Xb = Table(3, 2, 10, 3, 20, 50, 30);

    /// <summary>The inputs of the network of two linear branches.</summary>
    public static readonly NdArray[] D12 = [Row(-10, 1, -5), Row(3, 3, 1)];

    /// <summary>Two rows for each of three inputs.</summary>
    public static readonly NdArray[] Mi = [Table(3, 23, 100, 0, 20, 50, 30), Table(3, 20, 50, 30, 0, 100, 0), Table(3, 0, 100, 10, 2, 10, 3)];

    /// <summary>0 to 15, and ones, as pictures of 4 x 4.</summary>
    public static readonly NdArray Picture = ReferenceNetworks.Picture, Ones = ReferenceNetworks.Filled(1, 1, 1, 4, 4);

    /// <summary>The first two elements together; the same, with other ids in the second row; groups within each of three inputs; groups across them.</summary>
    public static readonly NdArray[] M1 = [new NdArray([0L, 0, 1], 3)], M2 = [new NdArray([0L, 0, 1, 1, 1, 0], 2, 3)],
        Ms = [new NdArray([1L, 1, 1, 0, 1, 0], 2, 3), new NdArray([3L, 4, 2], 3), new NdArray([5L, 6, 7, 5, 5, 5], 2, 3)],
        Ms2 = [new NdArray([1L, 1, 1, 0, 1, 0], 2, 3), new NdArray([0L, 1, 2], 3), new NdArray([0L, 1, 2, 0, 0, 0], 2, 3)];

    public static NdArray Row(params float[] values) => new(values, 1, values.Length);

    public static NdArray Table(int columns, params float[] values) => new(values, values.Length / columns, columns);

    public static NdArray Zeros(params int[] dims) => NdArray.Create(ElementType.Float, dims);

    /// <summary>BasicModel: 1 − relu(1 − x).</summary>
    public static OnnxModel Bounded(int width)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), width]);
        g.Output(g.Sub(g.ScalarLike(x, 1), g.Relu(g.Sub(g.ScalarLike(x, 1), x))), "y");
        return new OnnxModel(g.Build());
    }

    /// <summary>The multi-layer network of x1 + x2.</summary>
    public static OnnxModel Added()
    {
        var g = new GraphBuilder();
        Value a = g.Input("x1", ElementType.Float, [Dim.Named("batch"), 3]), b = g.Input("x2", ElementType.Float, [Dim.Named("batch"), 3]);
        Value hidden = g.Relu(g.Add(g.MatMul(g.Add(a, b), g.Constant(ReferenceNetworks.Filled(1, 3, 4))), g.Constant(NdArray.Vector(-10f, 1, 1, 1))));
        g.Output(g.Add(g.MatMul(hidden, g.Constant(ReferenceNetworks.Filled(1, 4, 2))), g.Constant(NdArray.Vector(-1f, 1))), "y");
        return new OnnxModel(g.Build());
    }

    /// <summary>5's (2x2) · x + x.</summary>
    public static OnnxModel Residual()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 2]);
        g.Output(g.Add(g.MatMul(x, g.Constant(ReferenceNetworks.Filled(5, 2, 2))), x), "y");
        return new OnnxModel(g.Build());
    }

    /// <summary>A max-pool of 2 x 2 over one window.</summary>
    public static OnnxModel OnePool()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 1, 2, 2]);
        g.Output(g.Flatten(g.MaxPool(x, new SlidingWindow { Kernel = [2, 2] }), 1), "y");
        return new OnnxModel(g.Build());
    }

    /// <summary>The multi-layer network with the layer "at", which gives L0 or the ReLU [rows, channels] a single position: [rows, channels, 1].</summary>
    public static OnnxModel WithPosition(string layer)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 3]);
        Value Placed(Value v) => g.Squeeze(g.Node(new Unsqueeze(), [v, g.Integers(2)], name: "at", outputNames: ["at.out"])[0], 2);
        Value l0 = layer == "L0" ? Placed(x) : x;
        Value r = g.Relu(g.Add(g.MatMul(l0, g.Constant(ReferenceNetworks.Filled(1, 3, 4))), g.Constant(NdArray.Vector(-10f, 1, 1, 1))));
        if (layer == "relu") r = Placed(r);
        g.Output(g.Add(g.MatMul(r, g.Constant(ReferenceNetworks.Filled(1, 4, 2))), g.Constant(NdArray.Vector(-1f, 1))), "y");
        return new OnnxModel(g.Build());
    }
}
