using Limn.Engine;
using Limn.Models;

namespace Limn;

/// <summary>Several methods asked the same question, and how far they agree.</summary>
/// <remarks>
/// Methods that disagree cannot all be right about the model, and methods that agree can be wrong together: agreement is a check, not a proof.
/// Krishna et al.: The Disagreement Problem in Explainable Machine Learning, 2022.
/// </remarks>
public sealed record Comparison
{
    private readonly Dictionary<(int, int), Agreement> pairs;

    private Comparison(IReadOnlyList<Attribution> attributions, IReadOnlyList<Agreement> agreements)
    {
        Attributions = attributions;
        Agreements = agreements;
        pairs = agreements.ToDictionary(a => (a.First, a.Second));
    }

    /// <summary>The explanations, in the order of the methods, without those that failed. Their model calls do not count the shared pass.</summary>
    public IReadOnlyList<Attribution> Attributions { get; }

    /// <summary>The methods that could not answer, and why.</summary>
    public required IReadOnlyList<MethodFailure> Failures { get; init; }

    /// <summary>Every pair of explanations, the first before the second.</summary>
    public IReadOnlyList<Agreement> Agreements { get; }

    /// <summary>How many rows went through the model once for all methods.</summary>
    public required long SharedModelCalls { get; init; }

    /// <summary>How many rows went through the model in all.</summary>
    public long ModelCalls => SharedModelCalls + Attributions.Sum(a => a.ModelCalls);

    /// <summary>All methods and the comparison.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>How far two different explanations agree, whatever their order.</summary>
    /// <param name="a">The place of one in <see cref="Attributions"/>.</param>
    /// <param name="b">The place of the other.</param>
    public Agreement Between(int a, int b) => pairs.TryGetValue((Math.Min(a, b), Math.Max(a, b)), out Agreement? agreement) ? agreement
        : throw new ArgumentOutOfRangeException(nameof(b), $"There are {Attributions.Count} explanations, and an agreement is between two different ones; {a} and {b} were asked for.");

    /// <summary>Explains the same rows by several methods around one model, with one forward pass for all, and compares the results.</summary>
    /// <param name="methods">The methods, of one model.</param>
    /// <param name="inputs">The model's inputs, one array each.</param>
    /// <param name="target">What to explain; the predicted class when null.</param>
    /// <param name="options">As for a single method. <see cref="ExplainOptions.Progress"/> hears of all methods together.</param>
    /// <param name="progress">Hears of each method by itself.</param>
    /// <exception cref="InvalidOptionException">There is no method, or they are of different models.</exception>
    /// <exception cref="LimnException">None of the methods could answer; if all gave the same reason, it is that exception.</exception>
    public static Comparison Of(IReadOnlyList<Method> methods, IReadOnlyList<NdArray> inputs, Target? target = null, ExplainOptions? options = null,
        IProgress<MethodProgress>? progress = null)
    {
        ArgumentNullException.ThrowIfNull(methods);
        ArgumentNullException.ThrowIfNull(inputs);
        if (methods.Count == 0) throw new InvalidOptionException("No method was given to compare.");
        IPredictor model = methods[0].Model;
        if (methods.FirstOrDefault(m => !ReferenceEquals(m.Model, model)) is { } stranger)
            throw new InvalidOptionException($"The method '{stranger.Name}' is of another model; methods are compared on the same one.");
        long started = System.Diagnostics.Stopwatch.GetTimestamp();
        options ??= new ExplainOptions();
        target ??= Target.Predicted;
        Validation.Inputs(model, inputs);

        var log = new RunLog(options);
        var shared = new SharedValues(model, inputs);
        shared.Prepare(methods, target, options, log);
        List<Attribution> attributions = [];
        List<MethodFailure> failures = [];
        List<LimnException> reasons = [];
        for (int i = 0; i < methods.Count; i++)
        {
            options.Cancellation.ThrowIfCancellationRequested();
            var heard = new Heard(methods[i], i, methods.Count, options.Progress, progress);
            heard.Report(new Progress(0, 1));
            try
            {
                attributions.Add(methods[i].Explain(inputs, target, options with { Shared = shared, Progress = heard }));
            }
            catch (LimnException e)
            {
                failures.Add(new MethodFailure(methods[i].Name, e.Message));
                reasons.Add(e);
            }
        }
        if (attributions.Count == 0) ThrowAll(failures, reasons);
        IReadOnlyList<Agreement> agreements = AttributionGrid.Compare(model, inputs, attributions, options.Cancellation);
        return new Comparison(attributions, agreements) { Failures = failures, SharedModelCalls = log.Calls, Elapsed = System.Diagnostics.Stopwatch.GetElapsedTime(started) };
    }

    private static void ThrowAll(List<MethodFailure> failures, List<LimnException> reasons)
    {
        if (failures.TrueForAll(f => f.Reason == failures[0].Reason)) System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(reasons[0]);
        throw new LimnException($"None of the {failures.Count} methods could answer. {string.Join(" ", failures.Select(f => $"{f.Method}: {f.Reason}"))}", reasons[0]);
    }

    /// <summary>Passes on what one method reports: as it is, and as its share of all.</summary>
    private sealed class Heard(Method method, int index, int count, IProgress<Progress>? all, IProgress<MethodProgress>? each) : IProgress<Progress>
    {
        private const long Unit = 1000;

        public void Report(Progress value)
        {
            each?.Report(new MethodProgress(method, index, count, value));
            all?.Report(new Progress(index * Unit + (long)(Unit * value.Fraction), count * Unit));
        }
    }
}

/// <summary>A method that could not answer.</summary>
/// <param name="Method">Its name.</param>
/// <param name="Reason">What it said.</param>
public sealed record MethodFailure(string Method, string Reason);

/// <summary>How far one of several methods is.</summary>
/// <param name="Method">The method.</param>
/// <param name="Index">Its place among them.</param>
/// <param name="Count">How many there are.</param>
/// <param name="Progress">How far it is.</param>
public readonly record struct MethodProgress(Method Method, int Index, int Count, Progress Progress);

/// <summary>How far two explanations of the same rows agree. Each number is the mean over the rows that have it; NaN if none has.</summary>
/// <remarks>
/// Attributions of the same shape are compared element by element. Of others, the axes that one lacks are summed over (words and their embeddings); maps of
/// different sizes are summed over their channels, and the smaller is brought to the size of the larger, linearly along each axis.
/// </remarks>
/// <param name="First">The place of the one in <see cref="Comparison.Attributions"/>.</param>
/// <param name="Second">The place of the other, after it.</param>
/// <param name="Correlation">Spearman's rank correlation of the values, from −1 to 1; NaN for a row where one is constant or not finite.</param>
/// <param name="AbsoluteCorrelation">The same of the absolute values: whether they agree on what matters, whatever the sign.</param>
/// <param name="TopOverlap">The share of the 5 % of elements of largest absolute value (at least one) that both have, from 0 to 1; ties by index. NaN for a row where one is constant or not finite.</param>
public sealed record Agreement(int First, int Second, double Correlation, double AbsoluteCorrelation, double TopOverlap)
{
    /// <summary>What must be known of the numbers: rows left out, or why there is none; empty if nothing.</summary>
    public string Note { get; init; } = "";
}
