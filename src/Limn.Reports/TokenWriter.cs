using System.Globalization;

namespace Limn.Reports;

/// <summary>Writes a text with its tokens coloured by what they add to the score.</summary>
internal static class TokenWriter
{
    private const double Strongest = 70; // per cent of the colour, so that the text stays readable on it

    /// <remarks>The strongest token has the full colour; one that is not a finite number, or when all are zero, has none. Each tells its number when pointed at.</remarks>
    public static void Write(Html page, IReadOnlyList<ReportToken> tokens)
    {
        if (tokens.Count == 0) return;
        double limit = tokens.Where(t => double.IsFinite(t.Attribution)).Select(t => Math.Abs(t.Attribution)).DefaultIfEmpty(0).Max();
        page.Add($"<h3>What each token adds to the score</h3>\n<p class=\"lead\">Orange tokens raise the score, blue ones lower it; the strongest colour is {NumberText.Printed(limit)}.</p>\n<p class=\"tokens\">");
        foreach (ReportToken token in tokens)
        {
            string number = NumberText.Signed(token.Attribution);
            if (!double.IsFinite(token.Attribution) || limit == 0 || token.Attribution == 0)
            {
                page.Add($"<span title=\"{number}\">{token.Text}</span>");
                continue;
            }
            string weight = (Strongest * Math.Abs(token.Attribution) / limit).ToString("F1", CultureInfo.InvariantCulture);
            page.Add($"<span class=\"{(token.Attribution > 0 ? "up" : "down")}\" style=\"--w:{weight}%\" title=\"{number}\">{token.Text}</span>");
        }
        page.Add($"</p>");
    }
}
