using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Limn.Data;

namespace Limn.Reports.Tests;

public class HtmlReportTests
{
    private const string Evil = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
    private static readonly byte[] Dot = PngFile.Encode(new Image(8, 8, 3));

    private static ReportPicture Picture(string text = "picture") => new(Dot, text, text, text) { Legend = new ColorLegend(true, 0.5) };

    private static ExplanationSection Section(string text = "text", string method = "saliency") => new(text, method, text, text)
    {
        Prediction = text,
        TopClasses = [new ClassScore(text, 0.75) { IsTarget = true }, new ClassScore("other", 0.25)],
        Input = Picture(text),
        HeatMaps = [Picture(text)],
        Contributions = [new Contribution(text, text, 1.5), new Contribution("second", "3", -0.25), new Contribution("third", "", double.NaN)],
        Options = [new NamedValue(text, text)],
        Delta = -0.00213,
        Flags = [text],
        Diagnostics = [new Diagnostic(DiagnosticKind.Warning, text)],
        Seed = 7,
        Elapsed = TimeSpan.FromSeconds(1.5),
        ModelCalls = 51234,
    };

    private static readonly Report Full = new("Title", "Summary", [Section(), new ComparisonSection("Compare", "Side by side", [Picture(), Picture()])]);

    private static readonly Report PicturesOnly = new("Title", "", [new ComparisonSection("One", "", [Picture()])]);

    [Fact]
    public void Everything_in_the_model_is_on_the_page()
    {
        string page = HtmlReport.ToText(Full);
        foreach (string expected in new[]
        {
            "<h1>Title</h1>", "Summary", "Compare", "Side by side", "<dt>seed</dt><dd>7</dd>", "<dt>model calls</dt><dd>51,234</dd>",
            "<dt>time</dt><dd>1.5 s</dd>", "<dt>convergence delta</dt><dd>\u22120.00213</dd>", "Warning", "\u22120.25", "NaN", "All 3 features",
            "href=\"#section-2\"", "id=\"section-2\"", "The result is flagged: text.", MethodTexts.For("saliency").How.Split('.')[0],
        })
        {
            Assert.Contains(expected, page, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Hostile_text_is_escaped_everywhere()
    {
        var report = new Report(Evil, Evil, [Section(Evil, Evil), new ComparisonSection(Evil, Evil, [Picture(Evil)])]) { Footer = Evil };
        string page = HtmlReport.ToText(report);
        Assert.DoesNotContain("alert(1)</script>", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<img src=x", page, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("&lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&gt;", page, StringComparison.Ordinal);
        // As many scripts as a page without hostile text has: four of code, and one of data for each of the two charts.
        Assert.Equal(4, Regex.Count(page, "<script>", RegexOptions.NonBacktracking));
        Assert.Equal(4 + 2, Regex.Count(page, "</script", RegexOptions.IgnoreCase | RegexOptions.NonBacktracking));
    }

    [Fact]
    public void Nothing_is_loaded_from_anywhere()
    {
        string page = HtmlReport.ToText(Full);
        string markup = Regex.Replace(page, "<script>.*?</script>", "", RegexOptions.Singleline, TimeSpan.FromSeconds(10));
        foreach (Match match in Regex.Matches(markup, """\b(?:src|href|action|data|poster)\s*=\s*"(?<address>[^"]*)""", RegexOptions.IgnoreCase, TimeSpan.FromSeconds(10)))
        {
            string address = match.Groups["address"].Value;
            Assert.True(address.StartsWith('#') || address.StartsWith("data:image/png;base64,", StringComparison.Ordinal), address);
        }

        Assert.DoesNotContain("<link", markup, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("@import", markup, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("url(", markup, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("sourceMappingURL=vega", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Policy_admits_exactly_the_scripts_of_the_page_and_no_eval()
    {
        string page = HtmlReport.ToText(Full);
        string policy = Regex.Match(page, "Content-Security-Policy\" content=\"(?<policy>[^\"]*)\"", RegexOptions.None, TimeSpan.FromSeconds(5)).Groups["policy"].Value;
        Assert.StartsWith("default-src 'none';", policy, StringComparison.Ordinal);
        Assert.DoesNotContain("unsafe-eval", policy, StringComparison.Ordinal);
        MatchCollection scripts = Regex.Matches(page, "<script>(?<text>.*?)</script>", RegexOptions.Singleline, TimeSpan.FromSeconds(10));
        Assert.Equal(4, scripts.Count);
        IEnumerable<string> hashes = scripts.Select(s => $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(s.Groups["text"].Value)))}'");
        Assert.Contains($"script-src {string.Join(' ', hashes)};", policy, StringComparison.Ordinal);
    }

    [Fact]
    public void Page_without_charts_carries_no_chart_library()
    {
        string page = HtmlReport.ToText(PicturesOnly);
        Assert.True(page.Length < 20_000, $"{page.Length} characters");
        Assert.DoesNotContain("<script", page, StringComparison.Ordinal);
        Assert.DoesNotContain("vegaEmbed", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<nav", page, StringComparison.Ordinal);
        Assert.Contains("script-src 'none'", page, StringComparison.Ordinal);
        Assert.Contains("vegaEmbed", HtmlReport.ToText(Full), StringComparison.Ordinal);
        Assert.Contains("Copyright", HtmlReport.ToText(Full), StringComparison.Ordinal);
    }

    [Fact]
    public void Chart_data_blocks_are_json_and_have_their_place_and_their_table()
    {
        string page = HtmlReport.ToText(Full);
        MatchCollection blocks = Regex.Matches(
            page, """<script type="application/json" data-chart="(?<id>[^"]*)">(?<spec>.*?)</script>""", RegexOptions.Singleline, TimeSpan.FromSeconds(10));
        Assert.Equal(2, blocks.Count);
        foreach (Match block in blocks)
        {
            Assert.True(JsonDocument.Parse(block.Groups["spec"].Value).RootElement.TryGetProperty("layer", out _));
            Assert.Contains($"<div class=\"chart\" id=\"{block.Groups["id"].Value}\">", page, StringComparison.Ordinal);
        }

        Assert.Equal(2, Regex.Count(page, "</summary>\\s*<div class=\"table\"><table>", RegexOptions.NonBacktracking));
    }

    [Fact]
    public void Every_picture_has_an_alternative_text()
    {
        string page = HtmlReport.ToText(new Report("t", "", [new ComparisonSection("c", "", [Picture(), new ReportPicture(Dot, "Title only", "", "")])]));
        Assert.Equal(2, Regex.Count(page, "<img[^>]* alt=\"[^\"]+\">", RegexOptions.NonBacktracking));
        Assert.Contains("alt=\"Title only\"", page, StringComparison.Ordinal);
        Assert.Contains("width=\"8\" height=\"8\"", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Same_report_gives_the_same_bytes_without_a_byte_order_mark()
    {
        byte[] first = HtmlReport.ToBytes(Full);
        Assert.Equal(first, HtmlReport.ToBytes(Full with { }));
        Assert.Equal((byte)'<', first[0]);
        Assert.DoesNotContain((byte)'\r', first);
    }

    [Fact]
    public void Method_text_is_written_once_for_a_batch()
    {
        string page = HtmlReport.ToText(new Report("t", "", [Section("row 1"), Section("row 2"), Section("row 3", "occlusion")]));
        Assert.Equal(2, Regex.Count(page, "class=\"guide\"", RegexOptions.NonBacktracking));
        Assert.Contains("<a href=\"#section-1-guide\">What Saliency can and cannot tell</a>", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Empty_report_is_a_page()
    {
        string page = HtmlReport.ToText(new Report("Nothing", "", []));
        Assert.EndsWith("</html>\n", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Picture_that_is_not_a_png_is_refused()
    {
        var report = new Report("t", "", [new ComparisonSection("c", "", [new ReportPicture([1, 2, 3], "broken", "", "")])]);
        Assert.Contains("'broken'", Assert.Throws<InvalidDataException>(() => HtmlReport.ToBytes(report)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Controls_and_lone_surrogates_are_replaced()
    {
        Assert.Equal("a\uFFFDb\uFFFD\uFFFDc\n😀", Html.Escape("a\0b\u001b\ud800c\n😀"));
    }

    [Fact]
    public void Write_makes_the_file()
    {
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName() + ".html");
        try
        {
            HtmlReport.Write(PicturesOnly, path);
            Assert.Equal(HtmlReport.ToBytes(PicturesOnly), File.ReadAllBytes(path));
        }
        finally
        {
            File.Delete(path);
        }
    }
}
