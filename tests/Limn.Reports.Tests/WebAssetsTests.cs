namespace Limn.Reports.Tests;

public class WebAssetsTests
{
    [Fact]
    public void Inlined_script_can_neither_end_its_element_nor_open_a_comment()
    {
        string inlined = WebAssets.Inline("a='</script>';b=/<\\/Script/;c=\"</SCRIPT >\";d=`<!-- <script>`;");
        Assert.DoesNotContain("</script", inlined, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<!--", inlined, StringComparison.Ordinal);
        Assert.Contains("a='\\x3C/script>'", inlined, StringComparison.Ordinal);
    }

    [Fact]
    public void Source_map_at_the_end_is_dropped_and_code_is_not()
    {
        Assert.Equal("code();\n", WebAssets.Inline("code();\r\n//# sourceMappingURL=x.js.map"));
        Assert.Equal("code();\n", WebAssets.Inline("code();\n//# sourceMappingURL=x.js.map\n"));
        Assert.Equal("code();\n//# sourceMappingURL=x\nmore();", WebAssets.Inline("code();\n//# sourceMappingURL=x\nmore();"));
        Assert.Equal("code();", WebAssets.Inline("code();"));
    }

    [Fact]
    public void Libraries_are_embedded_in_the_order_in_which_they_need_each_other()
    {
        Assert.Equal(4, WebAssets.ForCharts.Count);
        Assert.Contains(".vega={}", WebAssets.ForCharts[0].Text, StringComparison.Ordinal);
        Assert.Contains(".vegaLite={}", WebAssets.ForCharts[1].Text, StringComparison.Ordinal);
        Assert.Contains(".vegaEmbed=", WebAssets.ForCharts[2].Text, StringComparison.Ordinal);
        Assert.Contains("ast: true", WebAssets.ForCharts[3].Text, StringComparison.Ordinal);
        Assert.All(WebAssets.ForCharts, s => Assert.DoesNotContain("</script", s.Text, StringComparison.OrdinalIgnoreCase));
    }
}
