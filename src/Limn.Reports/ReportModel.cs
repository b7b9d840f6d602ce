namespace Limn.Reports;

/// <summary>A page of explanations: plain data that <see cref="HtmlReport"/> writes as one file.</summary>
/// <param name="Title">The heading of the page.</param>
/// <param name="Summary">One or two sentences under it: which model, which data, what was asked. May be empty.</param>
/// <param name="Sections">What follows, in this order.</param>
public sealed record Report(string Title, string Summary, IReadOnlyList<ReportSection> Sections)
{
    /// <summary>The line at the foot of the page, for example the version of the program that wrote it.</summary>
    public string Footer { get; init; } = "Written by Limn. This file is self-contained: it loads nothing and sends nothing.";
}

/// <summary>A part of a report with its own heading and anchor.</summary>
/// <param name="Title">The heading, for example "Row 3: tabby cat".</param>
public abstract record ReportSection(string Title);

/// <summary>One row of data explained by one method.</summary>
/// <param name="Title">The heading, for example "Row 3: tabby cat".</param>
/// <param name="Method">The method's name on the command line (<c>integrated-gradients</c>); <see cref="MethodTexts"/> knows its title and its limits.</param>
/// <param name="Model">The model's file name.</param>
/// <param name="Target">What was explained, in words that follow "of the": <c>score of "tabby cat" (class 281)</c>.</param>
public sealed record ExplanationSection(string Title, string Method, string Model, string Target) : ReportSection(Title)
{
    /// <summary>What the model answered, in words; empty when the top classes say it all.</summary>
    public string Prediction { get; init; } = "";

    /// <summary>The classes with the highest scores, best first.</summary>
    public IReadOnlyList<ClassScore> TopClasses { get; init; } = [];

    /// <summary>Whether <see cref="TopClasses"/> holds probabilities (drawn from 0 to 100 %) or raw scores.</summary>
    public bool ScoresAreProbabilities { get; init; } = true;

    /// <summary>The picture that was explained.</summary>
    public ReportPicture? Input { get; init; }

    /// <summary>The heat maps, each with a caption.</summary>
    public IReadOnlyList<ReportPicture> HeatMaps { get; init; } = [];

    /// <summary>The tokens of a text with their attributions, in the order of the text.</summary>
    public IReadOnlyList<ReportToken> Tokens { get; init; } = [];

    /// <summary>The attributions of named features, in the features' own order.</summary>
    public IReadOnlyList<Contribution> Contributions { get; init; } = [];

    /// <summary>Where the contributions start from: the score with all features absent. Null for methods of which they do not lead from there to <see cref="Score"/>.</summary>
    public double? ExpectedValue { get; init; }

    /// <summary>The score that is explained.</summary>
    public double? Score { get; init; }

    /// <summary>What pairs of features add, for methods that tell; null for others.</summary>
    public FeaturePairs? Interactions { get; init; }

    /// <summary>How many bars the chart of contributions shows before it sums up the rest.</summary>
    public int TopContributions { get; init; } = 15;

    /// <summary>Further tables about this row.</summary>
    public IReadOnlyList<ReportTable> Tables { get; init; } = [];

    /// <summary>The method's options as names and values, all that are needed to repeat it.</summary>
    public IReadOnlyList<NamedValue> Options { get; init; } = [];

    /// <summary>The convergence delta, Σφ − (F(x) − F(baseline)), for methods that have one.</summary>
    public double? Delta { get; init; }

    /// <summary>The flags of the attribution (<c>AllZero</c>, <c>NonFinite</c>, ...).</summary>
    public IReadOnlyList<string> Flags { get; init; } = [];

    /// <summary>What was checked and what came out, in words.</summary>
    public IReadOnlyList<Diagnostic> Diagnostics { get; init; } = [];

    /// <summary>The seed of the random numbers, for methods that draw any.</summary>
    public long? Seed { get; init; }

    /// <summary>How long the explanation took.</summary>
    public TimeSpan? Elapsed { get; init; }

    /// <summary>How many rows the model was evaluated on.</summary>
    public long? ModelCalls { get; init; }

    /// <summary>What the result can and cannot tell; null takes the text that <see cref="MethodTexts.For"/> has for the method.</summary>
    public MethodText? Text { get; init; }
}

/// <summary>Several methods on the same row, side by side.</summary>
/// <param name="Title">The heading.</param>
/// <param name="Introduction">One or two sentences under it; may be empty.</param>
/// <param name="Entries">The pictures, in this order.</param>
public sealed record ComparisonSection(string Title, string Introduction, IReadOnlyList<ReportPicture> Entries) : ReportSection(Title)
{
    /// <summary>What they say of features that are no picture, side by side.</summary>
    public IReadOnlyList<ReportTable> Tables { get; init; } = [];

    /// <summary>The picture that all entries explain, shown first.</summary>
    public ReportPicture? Input { get; init; }

    /// <summary>The classes with the highest scores, best first.</summary>
    public IReadOnlyList<ClassScore> TopClasses { get; init; } = [];

    /// <summary>Whether <see cref="TopClasses"/> holds probabilities (drawn from 0 to 100 %) or raw scores.</summary>
    public bool ScoresAreProbabilities { get; init; } = true;

    /// <summary>What was checked and what came out, in words.</summary>
    public IReadOnlyList<Diagnostic> Diagnostics { get; init; } = [];
}

/// <summary>A picture on the page.</summary>
/// <param name="Png">The PNG file's bytes.</param>
/// <param name="Title">A short name, shown in bold: <c>Integrated Gradients</c>.</param>
/// <param name="Caption">A sentence under it; may be empty.</param>
/// <param name="Alt">What the picture shows, for those who cannot see it.</param>
public sealed record ReportPicture(byte[] Png, string Title, string Caption, string Alt)
{
    /// <summary>The scale of the colours, drawn under the picture as text and colours of the page; null for photographs.</summary>
    public ColorLegend? Legend { get; init; }
}

/// <summary>The scale of a heat map's colours.</summary>
/// <param name="Diverging">From −<paramref name="Limit"/> through zero to +<paramref name="Limit"/>; otherwise from zero.</param>
/// <param name="Limit">The value of the strongest colour.</param>
public sealed record ColorLegend(bool Diverging, double Limit)
{
    /// <summary>The scale that a heat map was drawn with; null if it has none because nothing but zero or nothing finite was drawn.</summary>
    public static ColorLegend? Of(HeatMapResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        return result.Limit > 0 ? new ColorLegend(result.Diverging, result.Limit) : null;
    }
}

/// <summary>A class and its score.</summary>
/// <param name="Label">The class's name, or its number if it has none.</param>
/// <param name="Score">A probability or a raw score.</param>
public sealed record ClassScore(string Label, double Score)
{
    /// <summary>True for the class that is explained; it is marked in words and in the chart.</summary>
    public bool IsTarget { get; init; }
}

/// <summary>What one feature adds to the score.</summary>
/// <param name="Feature">The feature's name.</param>
/// <param name="Value">Its value in this row, as text; may be empty.</param>
/// <param name="Attribution">Its attribution; positive pushes the score up.</param>
public sealed record Contribution(string Feature, string Value, double Attribution)
{
    /// <summary>Its standard error, for sampled methods; null where there is none.</summary>
    public double? StandardError { get; init; }
}

/// <summary>What pairs of features add beyond what each adds alone.</summary>
/// <param name="Features">The features' names.</param>
/// <param name="Values">The values, [features, features] row by row.</param>
public sealed record FeaturePairs(IReadOnlyList<string> Features, IReadOnlyList<double> Values);

/// <summary>A token of a text and what it adds to the score.</summary>
/// <param name="Text">The token, or its number.</param>
/// <param name="Attribution">Its attribution; positive pushes the score up.</param>
public sealed record ReportToken(string Text, double Attribution);

/// <summary>An option and its value, as text.</summary>
public sealed record NamedValue(string Name, string Value);

/// <summary>How serious a diagnostic is.</summary>
public enum DiagnosticKind
{
    /// <summary>A check that came out well.</summary>
    Passed,

    /// <summary>Something worth knowing.</summary>
    Note,

    /// <summary>A reason not to trust the explanation as it stands.</summary>
    Warning,
}

/// <summary>A finding about an explanation, in one or two plain sentences.</summary>
public sealed record Diagnostic(DiagnosticKind Kind, string Text);
