using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.Tests.ClassActivation;

/// <summary>Small networks with maps, of which the right explanations are known.</summary>
internal static class MapNetworks
{
    /// <summary>conv (named "conv") → ReLU ("maps") → global average pooling → linear, of one to three spatial axes, with random weights.</summary>
    public static OnnxModel Pooled(int axes, int channels = 4, int classes = 3, bool relu = true, bool bias = true, bool softmax = false)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, Shape.Of([Dim.Named("batch"), 2, .. Enumerable.Repeat((Dim)6, axes)]));
        Value w = g.Constant(Networks.Random(1, [channels, 2, .. Enumerable.Repeat(3, axes)]));
        Value z = g.Node(new Conv(new SlidingWindow()), bias ? [x, w, g.Constant(Networks.Random(2, channels))] : [x, w], name: "conv", outputNames: ["z"])[0];
        Value maps = relu ? g.Node(new Relu(), [z], name: "maps", outputNames: ["a"])[0] : z;
        Value y = g.MatMul(g.Flatten(g.GlobalAveragePool(maps)), g.Constant(Networks.Random(3, channels, classes)));
        if (bias) y = g.Add(y, g.Constant(Networks.Random(4, classes)));
        g.Output(softmax ? g.Softmax(y, 1) : y, "y");
        return new OnnxModel(g.Build());
    }

    /// <summary>conv ("conv") → ReLU ("maps") → flatten → linear → ReLU → linear: gradients differ from position to position.</summary>
    public static OnnxModel Deep(bool smooth = false, bool bias = false)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 2, 6, 6]);
        Value w = g.Constant(Networks.Random(1, 4, 2, 3, 3));
        Value z = g.Node(new Conv(new SlidingWindow()), bias ? [x, w, g.Constant(Networks.Random(2, 4))] : [x, w], name: "conv", outputNames: ["z"])[0];
        Value maps = g.Node(new Relu(), [z], name: "maps", outputNames: ["a"])[0];
        Value hidden = g.MatMul(g.Flatten(maps), g.Constant(Networks.Random(5, 64, 8)));
        if (bias) hidden = g.Add(hidden, g.Constant(Networks.Random(6, 8)));
        hidden = smooth ? g.Tanh(g.Scale(hidden, 0.1f)) : g.Relu(hidden);
        g.Output(g.MatMul(hidden, g.Constant(Networks.Random(7, 8, 3))), "y");
        return new OnnxModel(g.Build());
    }

    /// <summary>Captum's network of one convolution ("conv1", "relu1").</summary>
    public static OnnxModel OneConv(bool two = false) => Propagation.ReferenceNetworks.OneConvolution(two);

    /// <summary>A layer "maps" [batch, 1, 2, 2] that is the input itself, and class scores ±(sum of the map).</summary>
    public static OnnxModel SumAndItsNegative()
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 1, 2, 2]);
        Value maps = g.Node(new Conv(new SlidingWindow()), [x, g.Constant(Filled(1, 1, 1, 1, 1))], name: "maps", outputNames: ["a"])[0];
        g.Output(g.MatMul(g.Flatten(maps), g.Constant(new NdArray([1f, -1, 1, -1, 1, -1, 1, -1], 4, 2))), "y");
        return new OnnxModel(g.Build());
    }

    /// <summary>
    /// A small vision transformer on 8x8 pictures of patches of 2: 16 tokens and a class token; two blocks of attention (one head) and residual sums,
    /// named "block0" and "block1"; the head reads the class token, or the mean of all.
    /// </summary>
    public static OnnxModel VisionTransformer(bool classToken, bool fixedBatch = true)
    {
        const int Width = 6;
        int tokens = classToken ? 17 : 16;
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [fixedBatch ? 1 : Dim.Named("batch"), 3, 8, 8]);
        Value patches = g.Conv(x, g.Constant(Networks.Random(1, Width, 3, 2, 2)), window: new SlidingWindow { Strides = [2, 2] });
        Value t = g.Transpose(g.Reshape(patches, 0, Width, 16), 0, 2, 1);
        if (classToken) t = g.Concat(1, g.Constant(Networks.Random(2, 1, 1, Width)), t);
        t = g.Add(t, g.Constant(Networks.Random(3, 1, tokens, Width)));
        for (int b = 0; b < 2; b++)
        {
            Value Projected(Value v, ulong seed) => g.MatMul(v, g.Constant(Networks.Random(seed + 10 * (ulong)b, Width, Width)));
            Value n = g.LayerNormalization(t, g.Constant(Filled(1, Width)), g.Constant(Filled(0, Width)));
            Value attention = g.Softmax(g.MatMul(Projected(n, 20), g.Transpose(Projected(n, 21), 0, 2, 1)), 2);
            t = g.Add(t, Projected(g.MatMul(attention, Projected(n, 22)), 23));
            Value h = g.Relu(Projected(g.LayerNormalization(t, g.Constant(Filled(1, Width)), g.Constant(Filled(0, Width))), 24));
            t = g.Node(new Add(), [t, Projected(h, 25)], name: $"block{b}", outputNames: [$"block{b}.out"])[0];
        }
        Value pooled = classToken ? g.Gather(t, g.Constant(NdArray.Scalar(0L)), 1) : g.ReduceMean(t, [1], keepDims: false);
        g.Output(g.MatMul(pooled, g.Constant(Networks.Random(60, Width, 3))), "y");
        return new OnnxModel(g.Build());
    }

    public static NdArray Filled(float value, params int[] dims)
    {
        NdArray array = NdArray.Create(ElementType.Float, dims);
        array.Floats.Fill(value);
        return array;
    }

    /// <summary>0, 1, ..., 15 as [1,1,4,4].</summary>
    public static NdArray Ramp() => Propagation.ReferenceNetworks.Picture;
}
