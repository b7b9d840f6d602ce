using System.Text;

namespace Limn.Reports;

/// <summary>Writes a <see cref="Report"/> as one HTML file that needs nothing else.</summary>
/// <remarks>
/// All text from outside is escaped. A content security policy forbids every load and admits only the page's own scripts, by their hash, so that a page made
/// from hostile labels can neither run anything nor call home. The chart libraries are included only where there is a chart. Equal reports give equal bytes.
/// </remarks>
public static class HtmlReport
{
    /// <summary>The page as UTF-8, without a byte order mark.</summary>
    /// <exception cref="InvalidDataException">A picture of the report is not a PNG file.</exception>
    public static byte[] ToBytes(Report report) => Encoding.UTF8.GetBytes(ToText(report));

    /// <summary>Writes the page to a file, replacing one that is there.</summary>
    /// <exception cref="InvalidDataException">A picture of the report is not a PNG file.</exception>
    public static void Write(Report report, string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        File.WriteAllBytes(path, ToBytes(report));
    }

    /// <inheritdoc cref="ToBytes"/>
    public static string ToText(Report report)
    {
        ArgumentNullException.ThrowIfNull(report);
        var body = new Html();
        var charts = new ChartSet();
        SectionWriter sections = new(body, charts, AnchorOf);
        for (int i = 0; i < report.Sections.Count; i++)
        {
            sections.Write(report.Sections[i], Anchor(i));
        }

        IReadOnlyList<WebAssets.Script> scripts = charts.Count > 0 ? WebAssets.ForCharts : [];
        string scriptSource = scripts.Count == 0 ? "'none'" : string.Join(' ', scripts.Select(s => $"'{s.Hash}'"));
        var page = new Html();
        page.Add($"""
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {new Markup(scriptSource)}; base-uri 'none'; form-action 'none'">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta name="generator" content="Limn">
            <title>{report.Title}</title>
            <style>
            {WebAssets.Style}</style>
            </head>
            <body>
            <header>
            <h1>{report.Title}</h1>
            """);
        if (report.Summary.Length > 0)
        {
            page.Add($"<p class=\"summary\">{report.Summary}</p>");
        }

        Index(page, report);
        page.Add($"</header>\n<main>\n{new Markup(body.ToString())}</main>\n<footer><p>{report.Footer}</p></footer>");
        if (scripts.Count > 0)
        {
            page.Add(WebAssets.Licences);
        }

        foreach (WebAssets.Script script in scripts)
        {
            page.Add(new Markup($"<script>{script.Text}</script>"));
        }

        page.Add(new Markup("</body>\n</html>"));
        return page.ToString();

        string? AnchorOf(ReportSection section)
        {
            int index = Enumerable.Range(0, report.Sections.Count).FirstOrDefault(i => ReferenceEquals(report.Sections[i], section), -1);
            return index < 0 ? null : Anchor(index);
        }
    }

    private static void Index(Html page, Report report)
    {
        if (report.Sections.Count < 2)
        {
            return;
        }

        page.Add($"<nav aria-label=\"Contents\">\n<ol>");
        for (int i = 0; i < report.Sections.Count; i++)
        {
            page.Add($"<li><a href=\"#{Anchor(i)}\">{report.Sections[i].Title}</a></li>");
        }

        page.Add($"</ol>\n</nav>");
    }

    private static string Anchor(int section) => $"section-{section + 1}";
}

/// <summary>Numbers the charts of a page.</summary>
internal sealed class ChartSet
{
    public int Count { get; private set; }

    public string NextId() => $"chart-{++Count}";
}
