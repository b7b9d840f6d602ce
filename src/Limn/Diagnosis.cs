using System.Globalization;
using Limn.Engine;
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
        List<string> remarks = [.. result.Remarks];

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
                large |= !(Math.Abs(delta[r]) <= Math.Max(NegligibleDelta, LargeDelta * Math.Abs(change)));
                if (delta.Length <= 16) remarks.Add(Completeness(delta.Length == 1 ? "" : $"row {r}: ", delta[r], change));
            }
            if (large)
            {
                flags |= AttributionFlags.DeltaLarge;
                remarks.Add($"The attributions do not add up well. {result.Remedy}");
            }
        }
        if (method.TakesGradients && question.GradientFunction(null).Cuts is { Count: > 0 } cuts)
        {
            flags |= AttributionFlags.PathCut;
            remarks.Add($"No gradient passes through '{cuts[0].Name}' ({cuts[0].Operator.Name}){(cuts.Count > 1 ? $" and {cuts.Count - 1} more nodes" : "")}: what the score owes to these paths is missing.");
        }
        if (method.TakesGradients) remarks.AddRange(question.GradientFunction(null).Notes);

        IReadOnlyList<string> names = result.Names is { } own ? own : question.Places.Count > 0 ? [.. question.Places.Select((p, i) => NameOf(question, i))]
            : question.Model is OnnxModel network ? [.. network.Graph.Inputs.Select(i => i.Name)]
            : [.. question.Inputs.Select((_, i) => question.Inputs.Count == 1 ? "input" : $"input{i}")];
        return new Attribution
        {
            Method = method.Name,
            Options = MethodRegistry.OptionsOf(method),
            Target = target.Describe() + target.Scale switch { OutputScale.Logit => " (logit)", OutputScale.Probability => " (probability)", _ => "" },
            TargetClasses = question.Readout.Classes,
            At = options.At is null && (question.Source is null || method.DefaultLayer(question.Source) is null) ? null : question.Places[0].Name,
            Tensors = [.. result.Values.Select((v, i) => new AttributedTensor(names[i], v.ToTensor(), result.StandardError?[i].ToTensor()))],
            Prediction = result.Prediction,
            BaselinePrediction = result.BaselinePrediction,
            ConvergenceDelta = result.Delta,
            Flags = flags,
            Remarks = remarks,
            Seed = options.Seed,
        };
    }

    /// <summary>An input of integers is explained at its embedding, and keeps its own name.</summary>
    private static string NameOf(Question question, int place)
    {
        var inputs = question.Network.Graph.Inputs;
        return question.Places.Count == inputs.Count && !question.IsInput(place) && inputs.Any(i => !i.Type.IsFloating()) && question.Places.Count > 1
            ? inputs[place].Name
            : question.Places[place].Name;
    }

    private static string Completeness(string row, double delta, double change)
    {
        if (Math.Abs(change) < 1e-9) return Capital($"{row}the score does not change from the baseline to the input; the attributions add up to {(delta + change).ToString("G3", CultureInfo.InvariantCulture)}.");
        double share = 100 * (change + delta) / change;
        return Capital($"{row}the attributions add up to {share.ToString("F1", CultureInfo.InvariantCulture)} % of the change in the score ({change.ToString("G4", CultureInfo.InvariantCulture)}).");
    }

    private static string Capital(string sentence) => char.ToUpperInvariant(sentence[0]) + sentence[1..];

    private static string Rows(int[] rows) => rows.Length == 1 ? $"row {rows[0]}" : $"rows {string.Join(", ", rows.Take(8))}{(rows.Length > 8 ? ", ..." : "")}";

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
