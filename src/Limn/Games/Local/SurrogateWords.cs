using System.Globalization;

namespace Limn.Games.Local;

/// <summary>What local surrogates have to say, in words.</summary>
internal static class SurrogateWords
{
    private const int MostRows = 16;
    private const double Firm = 0.8, Poor = 0.5;

    public static IEnumerable<string> Of(IReadOnlyList<PlayerValues> rows)
    {
        if (rows.Count > MostRows)
        {
            double[] fits = [.. rows.Where(r => r.Solution.Surrogate is not null).Select(r => r.Solution.Surrogate!.R2).Where(double.IsFinite)];
            if (fits.Length > 0) yield return $"The local models explain {Percent(fits.Min())} to {Percent(fits.Max())} of the variance of the scores around their rows (R²).";
        }
        int[] loose = [.. Enumerable.Range(0, rows.Count).Where(r => rows[r].Solution.Surrogate?.Top.Any(t => t.Stability < Firm) == true)];
        for (int r = 0; r < rows.Count && rows.Count <= MostRows; r++)
            if (rows[r].Solution.Surrogate is { } s)
                yield return $"{(rows.Count == 1 ? "The" : $"Row {r}: the")} local model {(double.IsNaN(s.R2) ? "has nothing to explain, as the scores do not vary" : $"explains {Percent(s.R2)} of the variance of the scores around the row{(s.R2 < Poor ? " and says little about it" : "")}")}; "
                    + $"its intercept is {Number(s.Intercept)}, and it predicts {Number(s.LocalPrediction)} for the row, whose score is {Number(s.Score)}.{Stability(rows[r])}";
        if (rows.Count > MostRows && loose.Length > 0) yield return $"In {Diagnosis.Rows(loose)} some of the strongest features are not among them in more than {Percent(1 - Firm)} of resamples of the copies. Take more samples.";
    }

    private static string Stability(PlayerValues row)
    {
        IReadOnlyList<TopFeature> top = row.Solution.Surrogate!.Top;
        TopFeature[] loose = [.. top.Where(t => t.Stability < Firm)];
        return top.Count == 0 || row.Solution.Surrogate.Samples == 0 ? ""
            : loose.Length == 0 ? $" Its {top.Count} strongest features stay among the strongest in at least {Percent(top.Min(t => t.Stability))} of resamples."
            : $" Of its {top.Count} strongest features {loose.Length} {(loose.Length == 1 ? "is" : "are")} uncertain: when the copies are drawn again, {string.Join(", ", loose.Select(t => $"{row.Players.NameOf(t.Player)} stays among the strongest in {Percent(t.Stability)}"))}. Take more samples.";
    }

    private static string Percent(double share) => (100 * share).ToString("F0", CultureInfo.InvariantCulture) + " %";

    private static string Number(double value) => value.ToString("G4", CultureInfo.InvariantCulture);
}
