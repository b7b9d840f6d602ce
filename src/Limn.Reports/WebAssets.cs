using System.Security.Cryptography;
using System.Text;

namespace Limn.Reports;

/// <summary>The style sheet, the script and the chart libraries that travel inside this assembly.</summary>
internal static class WebAssets
{
    private static readonly string[] Libraries = ["vega", "vega-lite", "vega-embed"];
    private static readonly Lazy<IReadOnlyList<Script>> ChartScripts = new(() =>
        [.. Libraries.Select(name => Script.Of(Read(name + ".min.js"))), Script.Of(Read("report.js"))]);
    private static readonly Lazy<Markup> ChartLicences = new(() => Comment(string.Join(
        "\n\n", Libraries.Append("d3").Select(name => $"This page contains {name}:\n\n{Read(name + ".license").Trim()}"))));
    private static readonly Lazy<string> StyleSheet = new(() => Read("report.css"));

    /// <summary>What a page with charts needs, in order.</summary>
    public static IReadOnlyList<Script> ForCharts => ChartScripts.Value;

    /// <summary>The notices that the libraries' licences ask for, as an HTML comment.</summary>
    public static Markup Licences => ChartLicences.Value;

    public static Markup Style => new(StyleSheet.Value);

    /// <summary>
    /// A script's text made fit for an HTML script element: nothing in it can end the element or open a comment, and source maps, which would have to be
    /// loaded, are not mentioned.
    /// </summary>
    /// <remarks>The sequences can only occur in strings, templates and regular expressions, where <c>\x3C</c> is the same character.</remarks>
    public static string Inline(string script)
    {
        string safe = script.ReplaceLineEndings("\n")
            .Replace("</script", "\\x3C/script", StringComparison.OrdinalIgnoreCase)
            .Replace("<!--", "\\x3C!--", StringComparison.Ordinal);
        int map = safe.LastIndexOf("\n//# sourceMappingURL=", StringComparison.Ordinal);
        return map < 0 || safe.IndexOf('\n', map + 1) is >= 0 and var end && end < safe.TrimEnd().Length ? safe : safe[..map] + "\n";
    }

    private static Markup Comment(string text) => new($"<!--\n{text.Replace("--", "- -", StringComparison.Ordinal)}\n-->");

    private static string Read(string name)
    {
        using Stream stream = typeof(WebAssets).Assembly.GetManifestResourceStream(name)
            ?? throw new LimnException($"Limn.Reports was built without its resource '{name}'. Build it again with npm on the PATH.");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }

    /// <summary>A script's inlined text and the hash by which the page's content security policy admits it.</summary>
    internal sealed record Script(string Text, string Hash)
    {
        public static Script Of(string source)
        {
            string text = Inline(source);
            return new Script(text, "sha256-" + Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text))));
        }
    }
}
