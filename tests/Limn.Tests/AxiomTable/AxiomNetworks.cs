using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Engine.Operators;
using Limn.Models;

namespace Limn.Tests.AxiomTable;

/// <summary>A network after its first layer: a function of [batch, elements] to [batch, 1].</summary>
internal delegate Value Core(GraphBuilder g, Value x);

/// <summary>Networks on pictures [batch, channels, height, width] whose first layer, "features", holds the picture itself (or what is asked for).</summary>
internal static class AxiomNetworks
{
    public static OnnxModel Of(Core core, params int[] picture)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, Shape.Of([Dim.Named("batch"), .. picture.Select(d => (Dim)d)]));
        NdArray unit = NdArray.Create(ElementType.Float, picture[0], picture[0], 1, 1);
        for (int c = 0; c < picture[0]; c++) unit.Floats[c * (picture[0] + 1)] = 1;
        Value features = g.Node(new Conv(new SlidingWindow()), [x, g.Constant(unit)], name: "features", outputNames: ["f"])[0];
        g.Output(core(g, g.Flatten(features, 1)), "y");
        return new OnnxModel(g.Build());
    }

    /// <summary>One number x; the layer "features" holds (x, second(x)), and the core sees those.</summary>
    public static OnnxModel OfTwoFeatures(Func<GraphBuilder, Value, Value> second, Core core)
    {
        var g = new GraphBuilder();
        Value x = g.Input("x", ElementType.Float, [Dim.Named("batch"), 1, 1, 1]);
        Value features = g.Node(new Concat { Axis = 3 }, [x, second(g, x)], name: "features", outputNames: ["f"])[0];
        g.Output(core(g, g.Flatten(features, 1)), "y");
        return new OnnxModel(g.Build());
    }

    /// <summary>How a random network is written; all ways compute the same function.</summary>
    public enum Writing
    {
        Plain,
        SplitLayer,
        DoubledNeurons,
        IdentityByReLUs,
        TanhBySigmoid,
        Transposed,
    }

    /// <summary>A random network with one hidden layer of tanh. An element may be unused, and two may be treated alike.</summary>
    public static Core Random(int seed, int elements = 4, int? unused = null, (int A, int B)? twins = null, Writing writing = Writing.Plain) => (g, x) =>
    {
        const int Hidden = 6;
        NdArray first = Networks.Random((ulong)seed + 10, elements, Hidden), bias = Networks.Random((ulong)seed + 20, Hidden), last = Networks.Random((ulong)seed + 30, Hidden, 1);
        for (int i = 0; i < first.Length; i++) first.Floats[i] *= 0.5f;
        for (int h = 0; h < Hidden; h++)
        {
            if (unused is { } u) first.Floats[u * Hidden + h] = 0;
            if (twins is { } t) first.Floats[t.B * Hidden + h] = first.Floats[t.A * Hidden + h];
        }
        switch (writing)
        {
            case Writing.SplitLayer: // W = ½ W + ½ W
                x = g.Add(g.Scale(x, 3), g.Scale(x, -2));
                break;
            case Writing.IdentityByReLUs: // x = relu(x + c) − relu(−x − c) − c
                Value shifted = g.Add(x, g.ScalarLike(x, 0.123f));
                x = g.Sub(g.Sub(g.Relu(shifted), g.Relu(g.Neg(shifted))), g.ScalarLike(x, 0.123f));
                break;
            case Writing.Transposed:
                x = g.Transpose(g.Neg(g.Neg(g.Transpose(x, 1, 0))), 1, 0);
                break;
        }
        if (writing == Writing.DoubledNeurons)
        {
            Value Half() => g.MatMul(g.Tanh(g.Add(g.MatMul(x, g.Constant(first)), g.Constant(bias))), g.Constant(Scaled(last, 0.5f)));
            return g.Add(g.Add(Half(), Half()), g.Constant(0.7f));
        }
        Value z = g.Add(g.MatMul(x, g.Constant(first)), g.Constant(bias));
        return g.Add(g.MatMul(writing == Writing.TanhBySigmoid ? TanhBySigmoid(g, z) : g.Tanh(z), g.Constant(last)), g.Constant(0.7f));
    };

    /// <summary>wᵀx.</summary>
    public static Value Linear(GraphBuilder g, Value x, params float[] weights) => g.MatMul(x, g.Constant(new NdArray(weights, weights.Length, 1)));

    /// <summary>One element of x, as a linear layer.</summary>
    public static Value Pick(GraphBuilder g, Value x, int element)
    {
        NdArray weights = NdArray.Create(ElementType.Float, x.Shape![1].Value, 1);
        weights.Floats[element] = 1;
        return g.MatMul(x, g.Constant(weights));
    }

    /// <summary>tanh z = 2 σ(2z) − 1.</summary>
    public static Value TanhBySigmoid(GraphBuilder g, Value z) => g.Add(g.Scale(g.Sigmoid(g.Scale(z, 2)), 2), g.ScalarLike(z, -1));

    /// <summary>x₁ + (1 + more) · x₂ as one layer, with x₂ = 2 relu(x₂) − relu(x₂) − relu(−x₂).</summary>
    public static Value Roundabout(GraphBuilder g, Value x, float more)
    {
        Value a = Pick(g, x, 0), b = Pick(g, x, 1);
        return Linear(g, g.Concat(1, a, g.Relu(g.Scale(b, 1)), g.Relu(g.Scale(b, 1)), g.Relu(g.Neg(b)), b), 1, 2, -1, -1, more);
    }

    /// <summary>relu(relu(a) − 1 − relu(b)), or the same function as relu(relu(a − 1) − relu(b)). Sundararajan, Taly, Yan 2017, figure 7.</summary>
    public static Value Difference(GraphBuilder g, Value a, Value b, bool inside)
    {
        Value one = g.ScalarLike(a, 1);
        return g.Relu(g.Sub(inside ? g.Relu(g.Sub(a, one)) : g.Sub(g.Relu(a), one), g.Relu(b)));
    }

    private static NdArray Scaled(NdArray array, float by)
    {
        NdArray scaled = array.Copy();
        foreach (ref float v in scaled.Floats) v *= by;
        return scaled;
    }
}
