using System.Numerics.Tensors;
using Limn.Cli.Inputs;
using Limn.Cli.Outputs;
using Limn.Engine;
using Limn.Games;
using Limn.Models;
using Limn.Reports;

namespace Limn.Cli.Tests;

public sealed class TextReportTests
{
    private static Explanation Explanation(params string[] words)
    {
        var players = new Players([[-1]], words.Length) { Names = words };
        var attribution = new Attribution
        {
            Method = "shapley-values", Options = new Dictionary<string, object?>(), Target = "class 0", Prediction = [1.5], ExpectedValue = [1.0],
            Tensors = [new AttributedTensor("input", Tensor.Create([0f], [1, 1]))],
            Players = [new PlayerValues(players, new Solution([.. words.Select((_, i) => i == 0 ? 0.75 : -0.25)]))],
        };
        FilledInput[] inputs = [new FilledInput("input", new NdArray([string.Join(' ', words)], 1, 1), ["text.txt"])];
        return new Explanation(new FunctionModel(x => x), attribution, inputs, null, ClassLabels.None) { Features = ExplainedFeatures.Of(attribution, inputs, null) };
    }

    [Fact]
    public void The_words_of_a_text_are_coloured_and_lead_to_the_score()
    {
        ExplanationSection section = ExplanationReport.Section(Explanation("good", "film"), 0);
        Assert.Equal([new ReportToken("good", 0.75), new ReportToken("film", -0.25)], section.Tokens);
        Assert.Equal(["good", "film"], section.Contributions.Select(c => c.Feature));
        Assert.All(section.Contributions, c => Assert.Empty(c.Value));
        Assert.Equal(1, section.ExpectedValue);
    }

    [Fact]
    public void A_text_that_is_one_player_is_no_line_of_words() => Assert.Empty(ExplanationReport.Section(Explanation("good"), 0).Tokens);
}
