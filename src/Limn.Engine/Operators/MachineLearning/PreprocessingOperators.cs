using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>
/// What comes before a model of ai.onnx.ml: <c>Scaler</c>, <c>Normalizer</c>, <c>Imputer</c>, <c>Binarizer</c>, <c>FeatureVectorizer</c>,
/// <c>ArrayFeatureExtractor</c>. All are rewritten to standard operators when a file is read, so that gradients pass.
/// </summary>
/// <remarks>ai.onnx.ml 1 to newest.</remarks>
public static class PreprocessingOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        MachineLearning.Of("Scaler", ImportScaler),
        MachineLearning.Of("Normalizer", ImportNormalizer),
        MachineLearning.Of("Imputer", ImportImputer),
        MachineLearning.Of("Binarizer", import => import.EmitAs(import.Graph.Cast(
            import.Graph.Greater(Floats(import, 0), import.Graph.Constant(import.Attributes.Float("threshold", 0))), import.Input(0).Type))),
        MachineLearning.Of("FeatureVectorizer", ImportVectorizer),
        MachineLearning.Of("ArrayFeatureExtractor", ImportExtractor),
    ];

    /// <summary>(x − offset) · scale, each one number or one a feature.</summary>
    private static IReadOnlyList<Value> ImportScaler(OperatorImport import)
    {
        GraphBuilder g = import.Graph;
        Value x = Floats(import, 0);
        if (import.Attributes.Floats("offset") is { Length: > 0 } offset) x = g.Sub(x, g.Constant(NdArray.Vector(PerFeature(offset, x, "offset"))));
        if (import.Attributes.Floats("scale") is { Length: > 0 } scale) x = g.Mul(x, g.Constant(NdArray.Vector(PerFeature(scale, x, "scale"))));
        return import.EmitAs(x);
    }

    /// <summary>Each row over its maximum, the sum of its absolute values, or its Euclidean length; a row for which that is 0 stays as it is.</summary>
    private static IReadOnlyList<Value> ImportNormalizer(OperatorImport import)
    {
        GraphBuilder g = import.Graph;
        Value x = Floats(import, 0);
        string norm = import.Attributes.String("norm", "MAX");
        Value measure = norm switch
        {
            "MAX" => g.ReduceMax(x, [-1]),
            "L1" => g.ReduceSum(g.Abs(x), [-1]),
            "L2" => g.ReduceSum(g.Mul(x, x), [-1]),
            _ => throw new InvalidModelException($"its norm is '{norm}'; MAX, L1 or L2 are expected."),
        };
        // Against division by 0; before the root, whose slope at 0 is infinite.
        measure = norm == "MAX" ? g.Where(g.Equal(measure, g.ScalarLike(measure, 0)), g.ScalarLike(measure, 1), measure) : g.Clip(measure, 1.17549435e-38f);
        return import.EmitAs(g.Div(x, norm == "L2" ? g.Sqrt(measure) : measure));
    }

    /// <summary>What is missing (a number, or NaN) is replaced, by one number or by one a feature.</summary>
    private static IReadOnlyList<Value> ImportImputer(OperatorImport import)
    {
        GraphBuilder g = import.Graph;
        Value x = import.Input(0);
        float missing = import.Attributes.Float("replaced_value_float", 0);
        long missingInteger = import.Attributes.Int("replaced_value_int64", 0);
        float[] floats = import.Attributes.Floats("imputed_value_floats") ?? [];
        long[] integers = import.Attributes.Ints("imputed_value_int64s") ?? [];
        if (x.Type.IsInteger())
        {
            if (integers.Length == 0) throw new InvalidModelException("its input holds integers, and it has no imputed_value_int64s.");
            return import.EmitAs(g.Where(g.Equal(x, g.Constant(NdArray.Scalar(missingInteger))), g.Constant(NdArray.Vector(PerFeature(integers, x, "imputed_value_int64s"))), x));
        }
        if (floats.Length == 0) throw new InvalidModelException("its input holds floats, and it has no imputed_value_floats.");
        Value replaced = float.IsNaN(missing) ? g.IsNaN(x) : g.Equal(x, g.ScalarLike(x, missing));
        return import.EmitAs(g.Where(replaced, g.Constant(NdArray.Vector(PerFeature(floats, x, "imputed_value_floats"))), x));
    }

    /// <summary>The features of all inputs beside each other.</summary>
    private static IReadOnlyList<Value> ImportVectorizer(OperatorImport import)
    {
        GraphBuilder g = import.Graph;
        long[] widths = import.Attributes.Ints("inputdimensions") ?? throw new InvalidModelException("its inputdimensions are missing.");
        if (widths.Length != import.Inputs.Count) throw new InvalidModelException($"it has {import.Inputs.Count} inputs and {widths.Length} inputdimensions.");
        var parts = new Value[widths.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            Value x = Floats(import, i);
            parts[i] = x.Shape is { Rank: 1 } ? g.Unsqueeze(x, 1) : x; // one feature of each row
            if (parts[i].Shape is { Rank: 2 } shape && shape[1].IsKnown && shape[1].Value != widths[i])
                throw import.Unsupported($"its input {i} has {shape[1]} features, and inputdimensions says {widths[i]}; cutting and filling are not supported.");
        }
        return import.EmitAs(parts.Length == 1 ? parts[0] : g.Concat(1, parts));
    }

    /// <summary>Elements of the last axis, by their positions. Of a vector they become one row.</summary>
    private static IReadOnlyList<Value> ImportExtractor(OperatorImport import)
    {
        GraphBuilder g = import.Graph;
        Value x = import.Input(0), positions = g.Reshape(import.Input(1), -1);
        return import.EmitAs(g.Gather(x.Shape is { Rank: 1 } ? g.Unsqueeze(x, 0) : x, positions, -1));
    }

    private static Value Floats(OperatorImport import, int input) =>
        import.Input(input).Type.IsFloating() ? import.Input(input) : import.Graph.Cast(import.Input(input), ElementType.Float);

    private static T[] PerFeature<T>(T[] values, Value x, string name)
    {
        if (values.Length > 1 && x.Shape is { Rank: > 0 } shape && shape[^1].IsKnown && shape[^1].Value != values.Length)
            throw new InvalidModelException($"its {name} has {values.Length} elements, and there are {shape[^1]} features.");
        return values;
    }
}
