using System.Text.RegularExpressions;
using Limn.Engine.Graphs;
using Limn.Engine.Kernels;

namespace Limn.Engine.Operators;

/// <summary>Texts: <c>StringConcat</c>, <c>StringSplit</c>, <c>StringNormalizer</c>, <c>RegexFullMatch</c>, <c>TfIdfVectorizer</c>.</summary>
/// <remarks>Texts carry no gradient, and neither do counts of words.</remarks>
public static class TextOperators
{
    internal static IEnumerable<OperatorDefinition> Definitions =>
    [
        OperatorDefinition.Of("StringConcat", _ => new StringConcat(), since: 20),
        OperatorDefinition.Of("StringSplit", a => new StringSplit { Delimiter = a.String("delimiter", ""), MostSplits = a.Int("maxsplit", -1) }, since: 20),
        OperatorDefinition.Of("StringNormalizer", ImportNormalizer, since: 10, notes: "The locale has no effect: case changes are those of no particular language."),
        OperatorDefinition.Of("RegexFullMatch", a => new RegexFullMatch(a.String("pattern", "")), since: 20, notes: "Patterns without look-around and back-references, as in RE2."),
        OperatorDefinition.Of("TfIdfVectorizer", TfIdfVectorizer.Import, since: 9),
    ];

    private static IReadOnlyList<Value> ImportNormalizer(OperatorImport import)
    {
        NodeAttributes a = import.Attributes;
        a.Ignore("locale");
        string action = a.String("case_change_action", "NONE");
        if (action is not ("NONE" or "LOWER" or "UPPER")) throw new InvalidModelException($"its case_change_action is '{action}'; NONE, LOWER or UPPER are expected.");
        return import.Emit(new StringNormalizer { CaseChange = action, CaseSensitive = a.Flag("is_case_sensitive", false), StopWords = a.Strings("stopwords") ?? [] }, import.Inputs);
    }
}

/// <summary>Two texts one after the other, broadcast.</summary>
/// <remarks>ONNX 20.</remarks>
public sealed class StringConcat : Operator
{
    public override string Name => "StringConcat";

    public override int OpsetVersion => 20;

    public override void Infer(InferenceContext context) => context.Output(0, ElementType.String, BroadcastOperator.BroadcastShape(context));

    public override void Execute(KernelContext context)
    {
        NdArray y = context.Output(0);
        string[] a = Spread(context, 0, y), b = Spread(context, 1, y);
        for (int i = 0; i < a.Length; i++) y.Strings[i] = a[i] + b[i];
    }

    /// <summary>An input's texts, repeated to the shape of the output.</summary>
    private static string[] Spread(KernelContext context, int input, NdArray y)
    {
        NdArray x = context.Input(input);
        if (x.Dims.SequenceEqual(y.Dims)) return x.Strings.ToArray();
        var places = new long[y.Length];
        long[] own = [.. Enumerable.Range(0, x.Length).Select(i => (long)i)];
        Broadcast.Expand<long>(own, x.Dims, places, y.Dims, context.Workers);
        return Array.ConvertAll(places, p => x.Strings[(int)p]);
    }
}

/// <summary>Texts cut at a delimiter: [..., most parts], filled up with empty texts, and the number of parts of each.</summary>
/// <remarks>ONNX 20. Without a delimiter texts are cut at runs of white space, and begin and end without any, as Python's split.</remarks>
public sealed class StringSplit : Operator
{
    public string Delimiter { get; init; } = "";

    /// <summary>After how many cuts the rest stays whole; negative for no limit.</summary>
    public long MostSplits { get; init; } = -1;

    public override string Name => "StringSplit";

    public override int OpsetVersion => 20;

    public override IEnumerable<OperatorAttribute> Attributes
    {
        get
        {
            if (Delimiter.Length > 0) yield return new("delimiter", Delimiter);
            if (MostSplits >= 0) yield return new("maxsplit", MostSplits);
        }
    }

    public override bool MakesOutputs => true;

    public override void Infer(InferenceContext context)
    {
        context.Output(0, ElementType.String, context.ShapeOf(0) is { } shape ? [.. shape, Dim.Unknown] : null);
        context.Output(1, ElementType.Int64, context.ShapeOf(0));
    }

    public override void Execute(KernelContext context)
    {
        NdArray x = context.Input(0);
        string[][] parts = [.. x.Strings.ToArray().Select(Parts)];
        int width = parts.Length == 0 ? 0 : parts.Max(p => p.Length);
        int[] dims = x.Dims.ToArray();
        context.Store(0, new NdArray([.. parts.SelectMany(p => p.Concat(Enumerable.Repeat("", width - p.Length)))], [.. dims, width]));
        context.Store(1, new NdArray([.. parts.Select(p => (long)p.Length)], dims));
    }

    private string[] Parts(string text)
    {
        int most = MostSplits is < 0 or >= int.MaxValue ? int.MaxValue : (int)MostSplits + 1;
        if (Delimiter.Length > 0) return text.Length == 0 ? [] : text.Split(Delimiter, most);
        var parts = new List<string>();
        for (string rest = text.Trim(); rest.Length > 0;)
        {
            int end = parts.Count == most - 1 ? -1 : rest.AsSpan().IndexOfAny([.. rest.Where(char.IsWhiteSpace).Distinct()]);
            parts.Add(end < 0 ? rest : rest[..end]);
            rest = end < 0 ? "" : rest[end..].TrimStart();
        }
        return [.. parts];
    }
}

/// <summary>Texts [n] or [1, n] without stop words, in one case.</summary>
/// <remarks>ONNX 10. Where nothing is left, one empty text. Case is changed after the stop words are compared.</remarks>
public sealed class StringNormalizer : Operator
{
    /// <summary>NONE, LOWER or UPPER.</summary>
    public string CaseChange { get; init; } = "NONE";

    /// <summary>Whether stop words must have the case of the text.</summary>
    public bool CaseSensitive { get; init; }

    public string[] StopWords { get; init; } = [];

    public override string Name => "StringNormalizer";

    public override int OpsetVersion => 10;

    public override IEnumerable<OperatorAttribute> Attributes
    {
        get
        {
            yield return new("case_change_action", CaseChange);
            yield return new("is_case_sensitive", CaseSensitive);
            if (StopWords.Length > 0) yield return new("stopwords", StopWords);
        }
    }

    public override bool MakesOutputs => true;

    public override void Infer(InferenceContext context)
    {
        if (context.ShapeOf(0) is { } shape && !(shape.Rank == 1 || (shape.Rank == 2 && (!shape[0].IsKnown || shape[0] == 1)))) throw context.Error($"it takes texts of the shape [n] or [1, n], and its input has {shape}.");
        context.Output(0, ElementType.String, context.ShapeOf(0)?.Rank == 2 ? [1, Dim.Unknown] : context.ShapeOf(0) is null ? null : [Dim.Unknown]);
    }

    public override void Execute(KernelContext context)
    {
        NdArray x = context.Input(0);
        var stops = StopWords.ToHashSet(CaseSensitive ? StringComparer.Ordinal : StringComparer.OrdinalIgnoreCase);
        string[] kept = [.. x.Strings.ToArray().Where(s => !stops.Contains(s)).Select(s => CaseChange == "LOWER" ? s.ToLowerInvariant() : CaseChange == "UPPER" ? s.ToUpperInvariant() : s)];
        if (kept.Length == 0) kept = [""];
        context.Store(0, x.Rank == 2 ? new NdArray(kept, 1, kept.Length) : new NdArray(kept, kept.Length));
    }
}

/// <summary>Whether each text matches a pattern from its beginning to its end.</summary>
/// <remarks>ONNX 20. In time linear in the text, whatever the pattern.</remarks>
public sealed class RegexFullMatch : Operator
{
    private readonly Regex regex;

    /// <exception cref="UnsupportedOperatorException">The pattern is malformed, or needs look-around or back-references.</exception>
    public RegexFullMatch(string pattern)
    {
        Pattern = pattern;
        try
        {
            regex = new Regex($@"\A(?:{pattern})\z", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant, TimeSpan.FromSeconds(10));
        }
        catch (Exception e) when (e is ArgumentException or NotSupportedException)
        {
            throw new UnsupportedOperatorException($"the pattern '{pattern}' is not supported: {e.Message}");
        }
    }

    public string Pattern { get; }

    public override string Name => "RegexFullMatch";

    public override int OpsetVersion => 20;

    public override IEnumerable<OperatorAttribute> Attributes => [new("pattern", Pattern)];

    public override void Infer(InferenceContext context) => context.Output(0, ElementType.Bool, context.ShapeOf(0));

    public override void Execute(KernelContext context)
    {
        NdArray x = context.Input(0);
        for (int i = 0; i < x.Length; i++) context.OutputBooleans()[i] = regex.IsMatch(x.Strings[i]);
    }
}
