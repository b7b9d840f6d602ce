using System.Globalization;
using System.Text;
using Limn.Data;
using Limn.Games;
using Limn.Reports;

namespace Limn.Cli.Outputs;

/// <summary>The charts of an explanation by features as files of their own (Vega-Lite), for other pages and programs.</summary>
internal static class ChartFiles
{
    private const int MostRows = 8;

    /// <summary>contributions.vl.json, waterfall.vl.json, force.vl.json and interactions.vl.json of the first row, NAME.R.vl.json of others; none where a picture, or no feature by name, was explained.</summary>
    public static IEnumerable<(string Name, byte[] Spec)> Of(Explanation explanation)
    {
        Attribution attribution = explanation.Attribution;
        if (explanation.Features is not { } features || (attribution.Players is null && !explanation.Inputs.Any(i => i.Words is not null))) yield break;
        for (int r = 0; r < Math.Min(features.Count, MostRows); r++)
        {
            string row = r == 0 ? "" : "." + r.ToString(CultureInfo.InvariantCulture);
            List<Contribution> contributions = Contributions(features[r]);
            yield return ($"contributions{row}.vl.json", File(Charts.Contributions(contributions)));
            if (attribution.ExpectedValue is { } expected && double.IsFinite(expected[r]) && double.IsFinite(attribution.Prediction[r]))
            {
                yield return ($"waterfall{row}.vl.json", File(Charts.Waterfall(contributions, expected[r], attribution.Prediction[r])));
                yield return ($"force{row}.vl.json", File(Charts.Force(contributions, expected[r], attribution.Prediction[r])));
            }
            if (Pairs(explanation, r) is { } pairs) yield return ($"interactions{row}.vl.json", File(Charts.Interactions(pairs)));
        }
    }

    public static List<Contribution> Contributions(IReadOnlyList<Explained> features) =>
        [.. features.Select(f => new Contribution(f.Feature, f.Value, f.Attribution) { StandardError = f.StandardError })];

    /// <summary>What pairs of players add in a row; null where the method does not tell.</summary>
    public static FeaturePairs? Pairs(Explanation explanation, int row)
    {
        if (explanation.Attribution.Players?[row] is not { Solution.Interactions: { } values } played) return null;
        IReadOnlyList<Explained>? named = explanation.Features?[row];
        return new FeaturePairs([.. Enumerable.Range(0, played.Players.Count).Select(p => named?.Count == played.Players.Count ? named[p].Feature : played.Players.NameOf(p))], values);
    }

    private static byte[] File(string spec) => Encoding.UTF8.GetBytes(Charts.Standalone(spec));
}
