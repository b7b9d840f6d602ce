using Limn.Engine;
using Limn.Games;
using Limn.Games.Local;
using Limn.Models;

namespace Limn.Tests.Games.Text;

/// <summary>Models of texts, whose words and sentences are the players.</summary>
public sealed class TextPlayersTests
{
    /// <summary>good = 2, bad = −3, "not" before a word turns its sign; a second output that is the opposite.</summary>
    private sealed class Sentiment : IPredictor
    {
        public List<string> Asked { get; } = [];

        public IReadOnlyList<NdArray> Predict(IReadOnlyList<NdArray> inputs, CancellationToken cancellation = default)
        {
            var scores = new float[2 * inputs[0].Length];
            for (int r = 0; r < inputs[0].Length; r++)
            {
                Asked.Add(inputs[0].Strings[r]);
                string[] words = inputs[0].Strings[r].ToLowerInvariant().Split([' ', '.', ',', '!'], StringSplitOptions.RemoveEmptyEntries);
                for (int w = 0; w < words.Length; w++)
                    scores[2 * r] += (words[w] switch { "good" => 2, "bad" => -3, _ => 0 }) * (w > 0 && words[w - 1] == "not" ? -1 : 1);
                scores[2 * r + 1] = -scores[2 * r];
            }
            return [new NdArray(scores, inputs[0].Length, 2)];
        }
    }

    private static NdArray Of(params string[] texts) => new(texts, texts.Length, 1);

    [Fact]
    public void The_words_of_a_text_are_its_players()
    {
        foreach (GameMethod method in new GameMethod[] { new ShapleyValues(new Sentiment()), new KernelShap(new Sentiment()), new PartitionShap(new Sentiment()) })
        {
            Attribution a = method.Explain([Of("It is good, not bad.")], Target.Class(0));
            Assert.Equal(["It", "is", "good", "not", "bad"], a.Players![0].Players.Names!);
            float[] values = Numbers.Of(a.Values);
            Assert.Equal([1L, 5], a.Values.Lengths.ToArray().Select(l => (long)l));
            Assert.Equal([0f, 0, 2], values.Take(3).Select(v => MathF.Round(v, 4)));
            Assert.Equal(3, values[3] + values[4], 1e-4); // "not" turns −3 into 3
            Assert.Equal(0, a.ExpectedValue![0], 1e-9);
        }
    }

    [Fact]
    public void Rows_of_different_lengths_are_filled_up()
    {
        Attribution a = new ShapleyValues(new Sentiment()).Explain([Of("bad", "a good film")], Target.Class(0));
        Assert.Equal([-3f, 0, 0, 0, 2, 0], Numbers.Of(a.Values).Select(v => MathF.Round(v, 4)));
        Assert.Equal([1, 3], a.Players!.Select(p => p.Players.Count));
    }

    [Fact]
    public void Absent_words_are_taken_out_or_replaced_and_sentences_can_be_players()
    {
        var model = new Sentiment();
        _ = new ShapleyValues(model) { MaskToken = "[MASK]" }.Explain([Of("good film")], Target.Class(0));
        Assert.Contains("[MASK] film", model.Asked);
        Assert.Contains("[MASK] [MASK]", model.Asked);
        Attribution a = new ShapleyValues(model) { Features = PlayerKind.Sentences }.Explain([Of("It is good. Not bad! So so")], Target.Class(0));
        Assert.Equal(["It is good.", "Not bad!", "So so"], a.Players![0].Players.Names!);
        Assert.Equal([2f, 3, 0], Numbers.Of(a.Values).Select(v => MathF.Round(v, 4)));
    }

    [Fact]
    public void A_text_without_words_is_explained_by_nothing()
    {
        Attribution a = new ShapleyValues(new Sentiment()).Explain([Of("...")], Target.Class(0));
        Assert.Empty(Numbers.Of(a.Values));
    }

    [Fact]
    public void LIME_and_anchors_take_words_too()
    {
        Attribution lime = new Lime(new Sentiment()).Explain([Of("a good film")], Target.Class(0));
        float[] values = Numbers.Of(lime.Values);
        Assert.True(values[1] > 1 && Math.Abs(values[0]) < 0.1, string.Join(' ', values));
        Attribution anchor = new Anchors(new Sentiment()).Explain([Of("so bad, no plot at all")], Target.Predicted);
        Assert.Contains("bad", anchor.Players![0].Solution.Rule!.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_text_or_series_is_refused()
    {
        OnnxModel model = Networks.Smooth(4, 3, 2, 1);
        foreach (PlayerKind kind in (PlayerKind[])[PlayerKind.Words, PlayerKind.Sentences])
            Assert.Contains("single text", Assert.Throws<InvalidOptionException>(() => new ShapleyValues(model) { Features = kind }.Explain([Networks.Random(1, 1, 4)])).Message, StringComparison.Ordinal);
    }
}
