using Limn.Engine.Graphs;

namespace Limn.Engine.Operators;

/// <summary>What the classifiers and regressors of ai.onnx.ml do with scores at the end, in standard operators.</summary>
internal static class PostTransform
{
    private const string None = "NONE", Logistic = "LOGISTIC", Softmax = "SOFTMAX", SoftmaxZero = "SOFTMAX_ZERO", Probit = "PROBIT";
    private static readonly string[] Names = [None, Softmax, Logistic, SoftmaxZero, Probit]; // by their number in TreeEnsemble version 5

    public static string Of(long number) => number >= 0 && number < Names.Length ? Names[number] : throw new InvalidModelException($"its post_transform is {number}; 0 to {Names.Length - 1} are expected.");

    public static string Of(NodeAttributes attributes)
    {
        string name = attributes.String("post_transform", None);
        return Names.Contains(name) ? name : throw new InvalidModelException($"its post_transform is '{name}'; {string.Join(", ", Names)} are expected.");
    }

    /// <summary>Scores [rows, classes] of several classes.</summary>
    public static Value Apply(GraphBuilder g, Value scores, string transform) => transform switch
    {
        Logistic => g.Sigmoid(scores),
        Softmax => g.Softmax(scores, -1),
        SoftmaxZero => OfNonzero(g, scores),
        Probit => InverseNormal(g, scores),
        _ => scores,
    };

    /// <summary>Scores of a regressor: as ONNX Runtime, a single target is transformed by PROBIT only.</summary>
    public static Value Regression(GraphBuilder g, Value scores, int targets, string transform) => targets > 1 || transform == Probit ? Apply(g, scores, transform) : scores;

    /// <summary>One score [rows, 1] of the second of two classes, as both columns: (1 − s, s) or (−s, s), or the logistic of the latter.</summary>
    /// <remarks>Which is ONNX Runtime's choice: scores that are probabilities (<paramref name="complement"/>) are not transformed.</remarks>
    public static Value Both(OperatorImport import, Value score, bool complement, string transform)
    {
        GraphBuilder g = import.Graph;
        if (transform == Probit) throw import.Unsupported("PROBIT of one score for two classes has no defined meaning.");
        Value other = complement ? g.Sub(g.ScalarLike(score, 1), score) : g.Neg(score);
        Value both = g.Concat(1, other, score);
        return !complement && transform == Logistic ? g.Sigmoid(both) : both;
    }

    /// <summary>Softmax over the scores that are not 0 (nearer than 10⁻⁷); the others become s·exp(−max), which is nearly 0.</summary>
    private static Value OfNonzero(GraphBuilder g, Value scores)
    {
        Value greatest = g.ReduceMax(scores, [-1]), counted = g.Greater(g.Abs(scores), g.ScalarLike(scores, 1e-7f));
        Value exponentials = g.WhereOrZero(counted, g.Exp(g.Sub(scores, greatest)));
        Value rest = g.WhereOrZero(g.Not(counted), g.Mul(scores, g.Exp(g.Neg(greatest))));
        return g.Div(g.Add(exponentials, rest), g.ReduceSum(exponentials, [-1]));
    }

    /// <summary>√2 · erf⁻¹(2p − 1), the inverse error function by Winitzki's approximation with a = 0.147, as in ONNX Runtime.</summary>
    private static Value InverseNormal(GraphBuilder g, Value p)
    {
        const float A = 0.147f, Pi = 3.14159f;
        Value x = g.Sub(g.Scale(p, 2), g.ScalarLike(p, 1));
        Value log = g.Log(g.Sub(g.ScalarLike(p, 1), g.Mul(x, x)));
        Value v = g.Add(g.Scale(log, 0.5f), g.ScalarLike(p, 2 / (Pi * A)));
        Value root = g.Sqrt(g.Sub(g.Sqrt(g.Sub(g.Mul(v, v), g.Scale(log, 1 / A))), v));
        return g.Scale(g.Mul(g.Where(g.Less(x, g.ScalarLike(x, 0)), g.ScalarLike(x, -1), g.ScalarLike(x, 1)), root), MathF.Sqrt(2));
    }
}

/// <summary>The classes of a classifier of ai.onnx.ml: integers or strings.</summary>
internal sealed class ClassLabels
{
    private readonly long[]? integers;
    private readonly string[]? strings;

    /// <param name="attributes">Those of the node.</param>
    /// <param name="integerName">The attribute that holds integers.</param>
    public ClassLabels(NodeAttributes attributes, string integerName)
    {
        strings = attributes.Strings("classlabels_strings") is { Length: > 0 } s ? s : null;
        integers = attributes.Ints(integerName) is { Length: > 0 } i ? i : null;
        if (strings is not null) integers = null;
    }

    /// <summary>How many there are; 0 if the file names none.</summary>
    public int Count => strings?.Length ?? integers?.Length ?? 0;

    /// <summary>The labels of classes given by their numbers.</summary>
    public Value Of(GraphBuilder g, Value index)
    {
        if (strings is not null) return g.Op(new LabelEncoder(NdArray.Vector([.. Enumerable.Range(0, strings.Length).Select(i => (long)i)]), new NdArray(strings, strings.Length), new NdArray([""], 1)), index);
        return integers is null || integers.AsSpan().SequenceEqual([.. Enumerable.Range(0, integers.Length).Select(i => (long)i)]) ? index : g.Gather(g.Integers(integers), index);
    }

    /// <summary>The labels where a condition says which of the first two classes it is.</summary>
    public Value OfTwo(GraphBuilder g, Value isSecond) => Of(g, g.Cast(isSecond, ElementType.Int64));
}

/// <summary>What the importers of ai.onnx.ml share.</summary>
internal static class MachineLearning
{
    public const string Domain = "ai.onnx.ml";

    public static OperatorDefinition Of(string name, Func<OperatorImport, IReadOnlyList<Value>> import, string notes = "") => new(name, Domain, import, 1, notes);

    /// <summary>Input 0 as rows of floats [rows, features]: a vector is one row.</summary>
    public static Value Rows(OperatorImport import)
    {
        Value x = import.Input(0);
        if (!x.Type.IsFloating()) x = import.Graph.Cast(x, ElementType.Float);
        return x.Shape?.Rank switch
        {
            2 => x,
            1 => import.Graph.Unsqueeze(x, 0),
            null => import.Graph.Flatten(x),
            int rank => throw import.Unsupported($"its input has {rank} dimensions; rows of features ([rows, features]) are expected."),
        };
    }
}
