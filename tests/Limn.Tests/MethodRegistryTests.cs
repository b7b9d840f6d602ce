using Limn.Gradients;

namespace Limn.Tests;

public sealed class MethodRegistryTests
{
    [Fact]
    public void Every_method_can_be_made_by_its_name_and_says_its_options()
    {
        foreach (MethodDescription description in MethodRegistry.All)
        {
            Method method = MethodRegistry.Create(description.Name, Networks.Linear(0, 1));
            Assert.Equal(description.Name, method.Name);
            Assert.NotEmpty(description.Summary);
            Assert.NotEmpty(description.Source);
        }
        Assert.Equal(50, MethodRegistry.Find("integrated-gradients").Options.Single(o => o.Name == "steps").Default);
    }

    [Fact]
    public void Options_are_read_from_text()
    {
        var ig = (IntegratedGradients)MethodRegistry.Create("integrated-gradients", Networks.Linear(0, 1),
            new Dictionary<string, string> { ["steps"] = "7", ["quadrature"] = "riemann-trapezoid-captum" });
        Assert.Equal(7, ig.Steps);
        Assert.Equal(Quadrature.RiemannTrapezoidCaptum, ig.Quadrature);
    }

    [Fact]
    public void A_method_around_another_passes_on_its_options()
    {
        var smooth = (SmoothGrad)MethodRegistry.Create("smooth-grad", Networks.Linear(0, 1),
            new Dictionary<string, string> { ["of"] = "integrated-gradients", ["steps"] = "5", ["samples"] = "3" });
        Assert.Equal(3, smooth.Samples);
        Assert.Equal(5, Assert.IsType<IntegratedGradients>(smooth.Inner).Steps);
    }

    [Theory]
    [InlineData("integrated-gradients", "steps", "many")]
    [InlineData("integrated-gradients", "step", "5")]
    [InlineData("saliency", "absolute", "perhaps")]
    [InlineData("occlusion", "window", "3,x")]
    public void A_wrong_option_is_refused(string method, string option, string value) =>
        Assert.Throws<InvalidOptionException>(() => MethodRegistry.Create(method, Networks.Linear(0, 1), new Dictionary<string, string> { [option] = value }));

    [Fact]
    public void An_unknown_method_suggests_the_nearest() =>
        Assert.Contains("saliency", Assert.Throws<InvalidOptionException>(() => MethodRegistry.Find("salency")).Message, StringComparison.Ordinal);
}
