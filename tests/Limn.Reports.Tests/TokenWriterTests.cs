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

    [Fact]
    public void A_table_has_its_heads_and_cells_escaped_and_stands_alone_without_rows()
    {
        string page = Page([new ReportTable("Lost", "Here & there.", ["Layer", "Sum"], [["/a<b>", "1"]]), new ReportTable("None", "Nothing was.", ["Layer"], [])]);
        Assert.Contains("Here &amp; there.", page, StringComparison.Ordinal);
        Assert.Contains("<th scope=\"row\">/a&lt;b&gt;</th>", page, StringComparison.Ordinal);
        Assert.Contains("Nothing was.", page, StringComparison.Ordinal);
    }

    private static string Page(params ReportToken[] tokens) => Page([], tokens);

    private static string Page(IReadOnlyList<ReportTable> tables, params ReportToken[] tokens) => Encoding.UTF8.GetString(HtmlReport.ToBytes(
        new Report("Title", "", [new ExplanationSection("Row 0", "lrp", "model.onnx", "score") { Tokens = tokens, Tables = tables }])));
}
