using Limn.Attention;
using Limn.Engine;
using Limn.Games;
using Limn.Gradients;
using Limn.Models;
using Limn.Propagation;

namespace Limn.Tests;

public sealed class TokenTests
{
    [Fact]
    public void Token_ids_are_explained_at_their_embedding_and_sum_to_one_number_a_token()
    {
        OnnxModel model = TextNetworks.Classifier();
        Attribution a = new IntegratedGradients(model) { Baseline = Baseline.ZeroEmbedding }.Explain([TextNetworks.Ids], Target.Class(1));
        Assert.Equal([2, 6, TextNetworks.Width], a.Values.Lengths.ToArray().Select(l => (int)l));
        AttributedTensor tokens = Assert.Single(a.PerToken());
        Assert.Equal("input_ids", tokens.TokensOf);
        float[] all = Numbers.Of(a.Values), sums = Numbers.Of(tokens.Values);
        Assert.Equal(12, sums.Length);
        for (int i = 0; i < sums.Length; i++) Assert.Equal(all.AsSpan(i * TextNetworks.Width, TextNetworks.Width).ToArray().Sum(v => (double)v), sums[i], 1e-5);
        for (int r = 0; r < 2; r++) Assert.Equal(a.Prediction[r] - a.BaselinePrediction![r], sums.AsSpan(6 * r, 6).ToArray().Sum(v => (double)v), 1e-3);
        // Without any embedding only the biases are left: of the last layer.
        Assert.Equal(Networks.Random(6, TextNetworks.Classes).Floats[1], a.BaselinePrediction![0], 5);
        Assert.Equal("words", a.Tensors[0].Name);
    }

    [Fact]
    public void A_baseline_of_token_ids_is_mapped_through_the_embedding()
    {
        OnnxModel model = TextNetworks.Classifier();
        NdArray pads = new([2L, 2, 2, 2, 2, 2], 1, 6);
        Attribution a = new IntegratedGradients(model) { Baseline = Baseline.Of([pads]) }.Explain([TextNetworks.Ids], Target.Class(0));
        Assert.Equal(model.Predict([pads])[0].Floats[0], a.BaselinePrediction![0], 5);
        for (int r = 0; r < 2; r++) Assert.Equal(0, a.ConvergenceDelta![r], 1e-3);
        // Where the token is the pad itself nothing changes.
        float[] tokens = Numbers.Of(a.PerToken()[0].Values);
        Assert.Equal(0, tokens[10]);
        Assert.NotEqual(0, tokens[9]);
    }

    [Fact]
    public void A_mask_beside_token_ids_is_no_feature_and_keeps_its_values()
    {
        OnnxModel model = TextNetworks.Classifier(mask: true, types: true);
        NdArray[] inputs = [TextNetworks.Ids, TextNetworks.Mask, TextNetworks.Types];
        foreach (Method method in new Method[] { new IntegratedGradients(model), new DeepLift(model) { Baseline = Baseline.Zero }, new GradientShap(model), new Saliency(model), new Lrp(model) })
        {
            Attribution a = method.Explain(inputs, Target.Class(1));
            Assert.Equal(["input_ids", "token_type_ids"], a.Tensors.Select(t => t.Name));
            Assert.Equal(["input_ids", "token_type_ids"], a.Tensors.Select(t => t.TokensOf));
            Assert.False(a.Flags.HasFlag(AttributionFlags.NonFinite));
            // The token that the mask leaves out has no part.
            Assert.All(Numbers.Of(a.Values).AsSpan(5 * TextNetworks.Width, TextNetworks.Width).ToArray(), v => Assert.Equal(0, v, 1e-6f));
        }
        Attribution ig = new IntegratedGradients(model).Explain(inputs, Target.Class(1));
        Assert.All(ig.ConvergenceDelta!, d => Assert.Equal(0, d, 1e-3));
        NdArray zeros = NdArray.Create(ElementType.Int64, 2, 6);
        Assert.Equal(model.Predict([zeros, TextNetworks.Mask, zeros])[0].Floats[1], ig.BaselinePrediction![0], 5);
        // A method that changes inputs still may ablate it.
        Assert.Equal(3, new FeatureAblation(model).Explain(inputs, Target.Class(1)).Tensors.Count);
    }

    [Fact]
    public void Methods_that_measure_from_an_input_refuse_a_zero_embedding() =>
        Assert.Contains("token ids", Assert.Throws<InvalidOptionException>(() => new DeepLift(TextNetworks.Classifier()) { Baseline = Baseline.ZeroEmbedding }.Explain([TextNetworks.Ids])).Message, StringComparison.Ordinal);

    [SharedFact("golden/transformer-mini/model.onnx")]
    public void Tokens_of_an_exported_transformer_add_up()
    {
        OnnxModel model = OnnxModel.Load(Path.Combine(SharedFiles.Folder!, "golden", "transformer-mini", "model.onnx"));
        NdArray ids = NdArray.From(Limn.Data.NpyFile.Read(Path.Combine(SharedFiles.Folder!, "golden", "transformer-mini", "input.npy")).ToInt64()).Rows(2, 2);
        Attribution a = new IntegratedGradients(model) { Steps = 100 }.Explain([ids]);
        float[] tokens = Numbers.Of(a.PerToken()[0].Values);
        Assert.Equal(24, tokens.Length);
        for (int r = 0; r < 2; r++) Assert.Equal(a.Prediction[r] - a.BaselinePrediction![r], tokens.AsSpan(12 * r, 12).ToArray().Sum(v => (double)v), 1e-2);
        Assert.Equal([2, 12], new AttentionRelevance(model).Explain([ids]).Values.Lengths.ToArray().Select(l => (int)l));
        Assert.Equal(1, Numbers.Of(new AttentionRollout(model).Explain([ids]).Values).Take(12).Sum(), 4);
    }

    [SharedFact("models/magika/magika_v3_3.onnx")]
    public void Bytes_that_become_one_of_many_are_tokens_too()
    {
        OnnxModel model = OnnxModel.Load(Path.Combine(SharedFiles.Folder!, "models", "magika", "magika_v3_3.onnx"));
        NdArray bytes = NdArray.Create(ElementType.Int64, 1, 2048);
        for (int i = 0; i < bytes.Length; i++) bytes.Integers[i] = i < 26 ? 'a' + i : 256;
        AttributedTensor tokens = new InputXGradient(model).Explain([bytes]).PerToken()[0];
        Assert.Equal("bytes", tokens.TokensOf);
        Assert.Equal([1, 2048], tokens.Values.Lengths.ToArray().Select(l => (int)l));
    }

    [Fact]
    public void What_is_no_embedding_stays_as_it_is()
    {
        Attribution a = new Saliency(Networks.Linear(0, 1, 2, 3)).Explain([new NdArray([1f, 2, 3], 1, 3)]);
        Assert.Same(a.Tensors[0], a.PerToken()[0]);
        Assert.Null(a.Tensors[0].TokensOf);
    }
}
