using System.Text;

namespace Limn.Reports.Tests;

public class TokenWriterTests
{
    [Fact]
    public void Tokens_are_coloured_by_sign_and_strength_and_escaped()
    {
        string page = Page(new ReportToken("<s>", 2), new ReportToken("bad & ugly", -1), new ReportToken("the", 0), new ReportToken("?", double.NaN));
        Assert.Contains("class=\"up\" style=\"--w:70.0%\"", page, StringComparison.Ordinal);
        Assert.Contains(">&lt;s&gt;</span>", page, StringComparison.Ordinal);
        Assert.Contains("class=\"down\" style=\"--w:35.0%\"", page, StringComparison.Ordinal);
        Assert.Contains(">bad &amp; ugly</span>", page, StringComparison.Ordinal);
        Assert.Contains("\">the</span>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("NaN%", page, StringComparison.Ordinal);
    }

    [Fact]
    public void Zeros_have_no_colour_and_no_tokens_no_heading()
    {
        Assert.DoesNotContain("style=\"--w:", Page(new ReportToken("a", 0)), StringComparison.Ordinal);
        Assert.DoesNotContain("What each token adds", Page(), StringComparison.Ordinal);
    }

    private static string Page(params ReportToken[] tokens) => Encoding.UTF8.GetString(HtmlReport.ToBytes(
        new Report("Title", "", [new ExplanationSection("Row 0", "lrp", "model.onnx", "score") { Tokens = tokens }])));
}
