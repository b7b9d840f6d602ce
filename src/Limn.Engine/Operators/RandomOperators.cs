using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>Random numbers: <c>RandomNormal</c>, <c>RandomUniform</c>, their Like forms, <c>Bernoulli</c>, <c>Multinomial</c>.</summary>
/// <remarks>
/// From <see cref="CounterRandom"/>: every run gives the same numbers. With a seed they follow from it; without one from the node's name, so that
/// two nodes differ. The numbers are not those of other implementations, which ONNX leaves open. No gradient.
/// </remarks>
public static class RandomOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("RandomNormal", import => FromShape(import, Distribution.Normal)),
        OperatorDefinition.Of("RandomUniform", import => FromShape(import, Distribution.Uniform)),
        OperatorDefinition.Of("RandomNormalLike", import => Like(import, Distribution.Normal)),
        OperatorDefinition.Of("RandomUniformLike", import => Like(import, Distribution.Uniform)),
        OperatorDefinition.Of("Bernoulli", ImportBernoulli, since: 15),
        OperatorDefinition.Of("Multinomial", ImportMultinomial, since: 7),
    ];

    private static IReadOnlyList<Value> FromShape(OperatorImport import, Distribution distribution)
    {
        long[] shape = import.Attributes.Ints("shape") ?? throw new InvalidModelException("its shape is missing.");
        Value like = import.Graph.Op(new ConstantOfShape(NdArray.Vector(0f)), import.Graph.Integers(shape));
        return import.Emit(Read(import, distribution, ElementType.Float), like);
    }

    private static IReadOnlyList<Value> Like(OperatorImport import, Distribution distribution) => import.Emit(Read(import, distribution, import.Input(0).Type), import.Input(0));

    /// <summary>1 where a uniform number lies below the probability.</summary>
    private static IReadOnlyList<Value> ImportBernoulli(OperatorImport import)
    {
        GraphBuilder g = import.Graph;
        Value p = import.Input(0);
        Value uniform = g.Op(new RandomLike(Distribution.Uniform, p.Type, 0, 1, SeedOf(import)), p);
        return import.EmitAs(g.Cast(g.Less(uniform, p), (ElementType)(int)import.Attributes.Int("dtype", (long)p.Type)));
    }

    /// <summary>The class with the greatest unnormalised log-probability plus Gumbel noise, for each sample.</summary>
    private static IReadOnlyList<Value> ImportMultinomial(OperatorImport import)
    {
        GraphBuilder g = import.Graph;
        Value logits = import.Input(0);
        long samples = import.Attributes.Int("sample_size", 1);
        if (samples < 1) throw new InvalidModelException($"its sample_size is {samples}.");
        Value repeated = g.Tile(g.Unsqueeze(logits, 1), 1, samples, 1); // [rows, samples, classes]
        Value uniform = g.Clip(g.Op(new RandomLike(Distribution.Uniform, logits.Type, 0, 1, SeedOf(import)), repeated), 1e-20f);
        Value gumbel = g.Neg(g.Log(g.Clip(g.Neg(g.Log(uniform)), 1e-20f)));
        return import.EmitAs(g.Cast(g.ArgMax(g.Add(repeated, gumbel), 2, keepDims: false), (ElementType)(int)import.Attributes.Int("dtype", (long)ElementType.Int32)));
    }

    private static RandomLike Read(OperatorImport import, Distribution distribution, ElementType type)
    {
        NodeAttributes a = import.Attributes;
        type = (ElementType)(int)a.Int("dtype", (long)type);
        if (!type.IsFloating()) throw import.Unsupported($"it makes random numbers of type {type}; floating types are supported.");
        return distribution == Distribution.Normal ? new RandomLike(distribution, type, a.Float("mean", 0), a.Float("scale", 1), SeedOf(import))
            : new RandomLike(distribution, type, a.Float("low", 0), a.Float("high", 1), SeedOf(import));
    }

    /// <summary>The seed of the file, or one made of the node's name (FNV-1a), as a float that the written file keeps.</summary>
    private static float SeedOf(OperatorImport import)
    {
        if (import.Attributes.Has("seed")) return import.Attributes.Float("seed", 0);
        uint hash = 2166136261;
        foreach (char c in import.Node) hash = (hash ^ c) * 16777619;
        return hash >> 8; // a whole number of 24 bits, which a float holds
    }
}

/// <summary>How random numbers are distributed.</summary>
public enum Distribution
{
    /// <summary>Evenly over [first, second).</summary>
    Uniform,

    /// <summary>Normally, with the mean first and the standard deviation second.</summary>
    Normal,
}

/// <summary>Random numbers in the shape of the input.</summary>
public sealed class RandomLike(Distribution distribution, ElementType type, float first, float second, float seed) : Operator
{
    public Distribution Distribution { get; } = distribution;

    /// <summary>The type of the output.</summary>
    public ElementType Type { get; } = type;

    public override string Name => Distribution == Distribution.Normal ? "RandomNormalLike" : "RandomUniformLike";

    public override int OpsetVersion => 7;

    public override IEnumerable<OperatorAttribute> Attributes =>
    [
        new("dtype", (long)Type), new("seed", seed), new(Distribution == Distribution.Normal ? "mean" : "low", first), new(Distribution == Distribution.Normal ? "scale" : "high", second),
    ];

    public override bool UsesShapeOnly(int input) => true;

    public override void Infer(InferenceContext context) => context.Output(0, Type, context.ShapeOf(0));

    public override void Execute(KernelContext context)
    {
        var random = new CounterRandom(BitConverter.SingleToUInt32Bits(seed));
        Span<float> y = context.OutputFloats();
        if (Distribution == Distribution.Normal)
        {
            random.FillNormal(y);
            foreach (ref float v in y) v = first + second * v;
        }
        else
        {
            random.FillUniform(y);
            foreach (ref float v in y) v = first + (second - first) * v;
        }
        Kernels.Casting.Run(y, y, Type, context.Workers);
    }
}
