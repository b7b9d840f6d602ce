using System.Globalization;
using Limn.Engine;
using Limn.Engine.Graphs;
using Limn.Gradients;
using Limn.Models;

namespace Limn;

/// <summary>Judges a result: what is noteworthy, as flags and in words.</summary>
internal static class Diagnosis
{
    private const double LargeDelta = 0.05;
    private const double NegligibleDelta = 1e-3;
    private const double NearlyCertain = 0.9999;

    public static Attribution Complete(Method method, Question question, MethodResult result, Target target, ExplainOptions options)
    {
        var flags = AttributionFlags.None;
        List<string> remarks = [.. question.Readout.Remarks, .. result.Remarks];

        if (result.Values.Any(v => !AllFinite(v)))
        {
            flags |= AttributionFlags.NonFinite;
            remarks.Add("Some attributions are not finite numbers: the model's gradient overflows or is undefined at this input.");
        }
        int[] zero = [.. Enumerable.Range(0, question.Rows).Where(r => result.Values.All(v => IsZero(v, r)))];
        if (zero.Length > 0)
        {
            flags |= AttributionFlags.AllZero;
            remarks.Add($"All attributions of {Rows(zero)} are zero: nothing that was explained changes this score, to this method.");
        }
        if (method.TakesGradients && question.Readout.Classes is not null && IsSquashed(question))
        {
            int[] certain = [.. Enumerable.Range(0, question.Rows).Where(r => Probability(question, result.Prediction[r]) is > NearlyCertain or < 1 - NearlyCertain)];
            if (certain.Length > 0)
            {
                flags |= AttributionFlags.Saturated;
                remarks.Add($"The probability of {Rows(certain)} is so close to 0 or 1 that its gradient nearly vanishes. Explain the logit instead (--output-scale logit).");
            }
        }
        if (result.Delta is { } delta)
        {
            bool large = false;
            for (int r = 0; r < delta.Length; r++)
            {
                double change = result.Prediction[r] - (result.BaselinePrediction?[r] ?? 0);
                large |= IsLarge(delta[r], change);
                if (delta.Length <= 16) remarks.Add(Completeness(delta.Length == 1 ? "" : $"row {r}: ", delta[r], change));
            }
            if (large)
            {
                flags |= AttributionFlags.DeltaLarge;
                remarks.Add($"The attributions do not add up well. {result.Remedy ?? Remedy(method)}");
            }
        }
        if (method.TakesGradients && question.GradientFunction(null).Cuts is { Count: > 0 } cuts)
        {
            flags |= AttributionFlags.PathCut;
            (Node cut, Node node) = cuts[0];
            remarks.Add($"No gradient passes through '{cut.Name}' ({cut.Operator.Name}){(cut == node ? "" : $" inside '{node.Name}' ({node.Operator.Name})")}{(cuts.Count > 1 ? $" and {cuts.Count - 1} more nodes" : "")}: what the score owes to these paths is missing. "
                + $"Explain after it (--at '{node.Outputs[0].Name}'), or use a method that needs no gradient (feature-ablation, occlusion).");
        }
        int[] empty = [.. Enumerable.Range(0, method.LooksInside ? question.Rows : 0).Where(r => Enumerable.Range(0, question.Places.Count).Any(p => IsEmptyLayer(question, p, r)))];
        if (empty.Length > 0)
        {
            flags |= AttributionFlags.DeadLayer;
            remarks.Add($"The layer '{question.Places[0].Name}' is zero everywhere in {Rows(empty)}, so there is nothing in it to attribute the score to. Look at the input (is its preprocessing the model's?), or explain an earlier layer (--at).");
        }
        if (method.TakesGradients && question.DeadGates.Count > 0)
        {
            flags |= AttributionFlags.DeadLayer;
            remarks.AddRange(DeadUnits.Sentences(question.DeadGates));
        }
        foreach (string outside in OutOfRange(method, question, options))
        {
            flags |= AttributionFlags.OutOfRange;
            remarks.Add(outside);
        }
        if (method.TakesGradients) remarks.AddRange(question.GradientFunction(null).Notes);

        IReadOnlyList<string> names = result.Names is { } own ? own : question.Places.Count > 0 ? [.. question.Places.Select((_, i) => question.NameOf(i))]
            : question.Model is OnnxModel network ? [.. network.Graph.Inputs.Select(i => i.Name)]
            : [.. question.Inputs.Select((_, i) => question.Inputs.Count == 1 ? "input" : $"input{i}")];
        return new Attribution
        {
            Method = method.Name,
            Options = MethodRegistry.OptionsOf(method),
            Target = target.Describe() + target.Scale switch { OutputScale.Logit => " (logit)", OutputScale.Probability => " (probability)", _ => "" },
            TargetClasses = question.Readout.Classes,
            At = options.At is null && (question.Source is null || method.DefaultLayer(question.Source) is null) ? null : question.Places[0].Name,
            Tensors = [.. result.Values.Select((v, i) => Named(question, result, names[i], i))],
            Prediction = result.Prediction,
            BaselinePrediction = result.BaselinePrediction,
            ConvergenceDelta = result.Delta,
            Conservation = result.Conservation,
            ExpectedValue = result.ExpectedValue ? result.BaselinePrediction : null,
            Players = result.Players,
            Flags = flags,
            Remarks = remarks,
            Seed = options.Seed,
        };
    }

    /// <summary>What makes the delta smaller, with the very option.</summary>
    private static string Remedy(Method method)
    {
        IReadOnlyDictionary<string, object?> options = MethodRegistry.OptionsOf(method);
        string? number = options.ContainsKey("steps") ? "steps" : options.ContainsKey("samples") ? "samples" : null;
        string more = number is not null && options[number] is int count ? $"Use more {number} (--set {number}={(count * 4L).ToString(CultureInfo.InvariantCulture)})" : "Compare another method, such as deep-lift";
        return more + (options.ContainsKey("tolerance") ? ", or as many as it takes (--set tolerance=0.01)." : ".");
    }

    /// <summary>What is to be said of the method's baseline and noise, where the range of the data is known.</summary>
    private static IEnumerable<string> OutOfRange(Method method, Question question, ExplainOptions options)
    {
        if (DataRange.For(question, options) is not { } range) yield break;
        if (method is NoiseMethod noise && range.OfNoise(noise, question) is { } strong) yield return strong;
        Method measuring = method is NoiseMethod around ? around.Inner : method;
        if (MethodRegistry.DataProperty(measuring.GetType(), typeof(Baseline))?.GetValue(measuring) is Baseline baseline && range.OfBaseline(baseline, question) is { } outside)
            yield return outside;
    }

    /// <summary>Whether a place is a layer, and all of its values in a row are zero.</summary>
    private static bool IsEmptyLayer(Question question, int place, int row) => !question.IsInput(place) && question.Known.TryGetValue(question.Places[place], out NdArray? values)
        && values.Length > 0 && IsZero(values, row);

    private static AttributedTensor Named(Question question, MethodResult result, string name, int i)
    {
        NdArray values = result.Values[i];
        var tensor = new AttributedTensor(name, values.ToTensor(), result.StandardError?[i].ToTensor());
        if (question.Model is not OnnxModel network) return tensor;
        int ids = result.Names is null && question.Places.Count > 0 ? question.InputOf(i)
            : Enumerable.Range(0, question.Inputs.Count).FirstOrDefault(k => network.Graph.Inputs[k] is { } input && input.Name == name && input.Type.IsInteger(), -1);
        if (ids < 0 || !values.Dims.StartsWith(question.Inputs[ids].Dims) || values.Rank > question.Inputs[ids].Rank + 1) return tensor;
        return tensor with { TokensOf = network.Graph.Inputs[ids].Name, IsEmbedding = values.Rank > question.Inputs[ids].Rank };
    }

    /// <summary>Whether a delta is too large a part of the change that attributions should add up to.</summary>
    public static bool IsLarge(double delta, double change) => !(Math.Abs(delta) <= Math.Max(NegligibleDelta, LargeDelta * Math.Abs(change)));

    private static string Completeness(string row, double delta, double change)
    {
        if (Math.Abs(change) < 1e-9) return Capital($"{row}the score does not change from the baseline to the input; the attributions add up to {(delta + change).ToString("G3", CultureInfo.InvariantCulture)}.");
        double share = 100 * (change + delta) / change;
        return Capital($"{row}the attributions add up to {share.ToString("F1", CultureInfo.InvariantCulture)} % of the change in the score ({change.ToString("G4", CultureInfo.InvariantCulture)}).");
    }

    private static string Capital(string sentence) => char.ToUpperInvariant(sentence[0]) + sentence[1..];

    internal static string Rows(int[] rows) => rows.Length == 1 ? $"row {rows[0]}" : $"rows {string.Join(", ", rows.Take(8))}{(rows.Length > 8 ? ", ..." : "")}";

    private static bool IsSquashed(Question question) => question.Source is { } source && TargetSource.Squashing(source.Graph, source.Value) is not null;

    private static double Probability(Question question, double score) =>
        TargetSource.Squashing(question.Source!.Graph, question.Source.Value)!.Operator.Name == "LogSoftmax" ? Math.Exp(score) : score;

    private static bool AllFinite(NdArray values)
    {
        foreach (float v in values.Floats)
            if (!float.IsFinite(v)) return false;
        return true;
    }

    private static bool IsZero(NdArray values, int row)
    {
        int inner = values.Dims[0] == 0 ? 0 : values.Length / values.Dims[0];
        return !values.Floats.Slice(row * inner, inner).ContainsAnyExcept(0f);
    }
}
