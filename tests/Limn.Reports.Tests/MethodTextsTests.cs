namespace Limn.Reports.Tests;

public class MethodTextsTests
{
    [Theory]
    [InlineData("saliency")]
    [InlineData("input-x-gradient")]
    [InlineData("integrated-gradients")]
    [InlineData("layer-activation")]
    [InlineData("internal-influence")]
    [InlineData("conductance")]
    [InlineData("neuron-conductance")]
    [InlineData("gradient-shap")]
    [InlineData("guided-ig")]
    [InlineData("blur-ig")]
    [InlineData("idgi")]
    [InlineData("xrai")]
    [InlineData("smooth-grad")]
    [InlineData("smooth-grad-squared")]
    [InlineData("var-grad")]
    [InlineData("guided-backprop")]
    [InlineData("deconvolution")]
    [InlineData("rect-grad")]
    [InlineData("deep-lift")]
    [InlineData("deep-lift-shap")]
    [InlineData("lrp")]
    [InlineData("cam")]
    [InlineData("grad-cam")]
    [InlineData("grad-cam-plus-plus")]
    [InlineData("score-cam")]
    [InlineData("ablation-cam")]
    [InlineData("xgrad-cam")]
    [InlineData("hires-cam")]
    [InlineData("layer-cam")]
    [InlineData("eigen-cam")]
    [InlineData("eigen-grad-cam")]
    [InlineData("shapley-cam")]
    [InlineData("finer-cam")]
    [InlineData("full-grad")]
    [InlineData("guided-grad-cam")]
    [InlineData("excitation-backprop")]
    [InlineData("attention-rollout")]
    [InlineData("attention-relevance")]
    [InlineData("feature-ablation")]
    [InlineData("occlusion")]
    public void Known_method_has_its_own_text(string method)
    {
        Assert.Contains(method, MethodTexts.Methods);
        MethodText text = MethodTexts.For(method);
        Assert.NotEqual(MethodTexts.For("unheard-of").How, text.How);
        Assert.NotEmpty(text.Can);
        Assert.NotEmpty(text.Cannot);
    }

    [Fact]
    public void Unknown_method_has_a_general_text_under_its_own_name()
    {
        MethodText text = MethodTexts.For("my--own-method-");
        Assert.Equal("My Own Method", text.Title);
        Assert.NotEmpty(text.Can);
        Assert.NotEmpty(text.Cannot);
        Assert.Equal("", MethodTexts.For("").Title);
    }
}
