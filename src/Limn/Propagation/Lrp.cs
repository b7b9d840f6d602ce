using System.Globalization;
using Limn.Compilation;
using Limn.Engine;
using Limn.Engine.Differentiation;
using Limn.Models;

namespace Limn.Propagation;

/// <summary>The rules that <see cref="Lrp"/> can be given by name.</summary>
public enum LrpRuleName
{
    Epsilon,
    Gamma,
    Alpha2Beta1,
    Alpha1Beta0,
    ZPlus,
    ZBox,
    WSquare,
    Flat,
    Pass,
    Norm,
}

/// <summary>Usual combinations of rules.</summary>
public enum LrpComposite
{
    /// <summary>One rule for all layers.</summary>
    None,

    /// <summary>Convolutions z-plus, dense layers epsilon.</summary>
    EpsilonPlus,

    /// <summary>Convolutions alpha 2 beta 1, dense layers epsilon.</summary>
    EpsilonAlpha2Beta1,

    /// <summary>The first layer flat; other convolutions z-plus, dense layers epsilon.</summary>
    EpsilonPlusFlat,

    /// <summary>The first convolution z-box, other convolutions gamma, dense layers epsilon.</summary>
    EpsilonGammaBox,

    /// <summary>For transformers: layers with weights by <see cref="Lrp.Rule"/>, softmax and products as in AttnLRP (Achtibat et al., ICML 2024).</summary>
    AttnLrp,

    /// <summary>For transformers: conservative propagation, attention counts as constant weights (Ali et al., ICML 2022). Keeps the sum where AttnLRP's softmax does not.</summary>
    CpLrp,
}

/// <summary>How what transformers are made of is treated.</summary>
internal enum TransformerRules
{
    None,

    /// <summary>AttnLRP.</summary>
    Attention,

    /// <summary>CP-LRP.</summary>
    Conservative,
}

/// <summary>Layer-wise relevance propagation (LRP): the score, divided backwards layer by layer in proportion to what each unit contributed.</summary>
/// <remarks>
/// Relevance starts as the score itself and each linear layer divides it by a rule (<see cref="LrpRule"/>); ReLUs and other functions of one variable pass it
/// on, and a maximum gives it to its winner. With ε → 0 the epsilon rule on a network of linear layers, ReLUs and max-pools is gradient × input.
/// The delta is Σ R − F(x): what biases and stabilisers absorbed (or added), the measure of conservation.
/// The rules z-box, w-square and flat are for the layers that see the input; the layers behind them get z-plus (deep Taylor decomposition).
/// Residual sums divide in proportion, as any sum. Composites, and every rule but epsilon, first fold batch normalisation into the layer before it.
/// <see cref="Conservation"/> says at which layers. For transformers there are the composites attn-lrp and cp-lrp.
/// Captum's default: rule epsilon with epsilon 1e-9; its gamma and alpha-1-beta-0 rules ignore the sign of activations, which makes no difference
/// where these are not negative; and it counts a functional x + y twice.
/// LRP is described in a patent; see docs/propagation.md.
/// Bach et al.: On Pixel-Wise Explanations by Layer-Wise Relevance Propagation, PLoS ONE 2015; Montavon et al. 2019.
/// </remarks>
[Method("lrp", "Layer-wise Relevance Propagation", "The score divided backwards layer by layer, in proportion to what each unit contributed.",
    Source = "Bach et al. 2015, section 'Layer-wise relevance propagation'; Montavon et al. 2019, table 10.1",
    Formula = "R_j = Σ_k a_j w_jk / (Σ_i a_i w_ik + b_k + ε sign) · R_k, layer by layer, from R = F(x)",
    Cost = "2 × forward + backward")]
public sealed class Lrp(OnnxModel model) : GradientMethod(model)
{
    private const int MostRows = 8; // of which conservation is checked

    /// <summary>The rule for layers with weights (default epsilon).</summary>
    [Option("rule", "The rule for layers with weights; z-box, w-square and flat are for the first layers, with z-plus behind.")]
    public LrpRuleName Rule { get; init; } = LrpRuleName.Epsilon;

    /// <summary>ε of the epsilon rule, and the stabiliser of layers without weights (default 1e-6).</summary>
    [Option("epsilon", "The epsilon of the epsilon rule, and the stabiliser of layers without weights.")]
    public double Epsilon { get; init; } = 1e-6;

    /// <summary>γ of the gamma rule (default 0.25).</summary>
    [Option("gamma", "The gamma of the gamma rule.")]
    public double Gamma { get; init; } = 0.25;

    /// <summary>The least value an input can have, for z-box; the least of each row when null.</summary>
    [Option("low", "The least value an input can have, for z-box (default: the least of each row).")]
    public double? Low { get; init; }

    /// <summary>The largest value an input can have, for z-box; the largest of each row when null.</summary>
    [Option("high", "The largest value an input can have, for z-box (default: the largest of each row).")]
    public double? High { get; init; }

    /// <summary>A usual combination of rules instead of one (default none).</summary>
    [Option("composite", "A usual combination of rules, instead of one rule for all layers.")]
    public LrpComposite Composite { get; init; } = LrpComposite.None;

    /// <summary>Whether it is checked, layer by layer, where relevance is lost (default false: it is one more backward pass).</summary>
    [Option("conservation", "Whether it is checked layer by layer where relevance is lost.")]
    public bool Conserved { get; init; }

    /// <summary>Rules for chosen layers, which come before the composite and the rule; the first that fits counts.</summary>
    public IReadOnlyList<LrpAssignment> Assignments { get; init; } = [];

    protected internal override MethodResult Compute(Question question)
    {
        LrpRules rules = Rules(question);
        var (scores, relevance) = question.Gradient(rules);
        double[]? delta = question.PlacesSeparate() ? [.. scores.Select(s => -s)] : null;
        if (delta is not null)
            foreach (var part in relevance)
                for (int i = 0; i < part.Length; i++) delta[i / (part.Length / question.Rows)] += part.Floats[i];
        IReadOnlyList<Conservation>? conservation = Conserved ? ConservationCheck.Of(question, rules, MostRows) : null;
        return new MethodResult(relevance, scores, Delta: delta)
        {
            Conservation = conservation,
            Remarks = [.. (conservation ?? []).Select(Leak).OfType<string>()],
            Remedy = "The rest went to the biases and stabilisers, as LRP has it, or into softmax; --set conservation=true says where. Explain the logit, compare another rule, or use deep-lift, which keeps the sum.",
        };
    }

    /// <summary>Checks, layer by layer, what of the relevance is kept: for each row (the first 8), what each layer received and passed on.</summary>
    /// <param name="inputs">The rows.</param>
    /// <param name="target">What is explained; the predicted class when null.</param>
    /// <param name="options">Where, and so on.</param>
    public IReadOnlyList<Conservation> Conservation(IReadOnlyList<NdArray> inputs, Target? target = null, ExplainOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        options ??= new ExplainOptions();
        Validation.Inputs(Model, inputs);
        Question question = Asking.Of(this, inputs, target ?? Target.Predicted, options, new RunLog(options));
        return ConservationCheck.Of(question, Rules(question), MostRows);
    }

    private LrpRules Rules(IAsked question)
    {
        if (!(Epsilon > 0)) throw new InvalidOptionException($"The option 'epsilon' must be positive, and {Epsilon} was given.");
        if (!(Gamma >= 0)) throw new InvalidOptionException($"The option 'gamma' must not be negative, and {Gamma} was given.");
        if (Low > High) throw new InvalidOptionException($"The option 'low' ({Low}) must not be above 'high' ({High}).");
        List<LrpAssignment> assignments = [.. Assignments, .. OfComposite()];
        bool fold = assignments.Count > 0 || Rule != LrpRuleName.Epsilon;
        assignments.AddRange(OfRule());
        return new LrpRules(question.Source!.Graph, question.Places, assignments, Epsilon, fold, transformer: Composite switch
        {
            LrpComposite.AttnLrp => TransformerRules.Attention,
            LrpComposite.CpLrp => TransformerRules.Conservative,
            _ => TransformerRules.None,
        });
    }

    private static string? Leak(Conservation row)
    {
        LayerRelevance[] leaks = [.. row.Leaks()];
        return leaks.Length == 0 ? null : string.Create(CultureInfo.InvariantCulture,
            $"Row {row.Row}: of the score {row.Score:G4}, {row.Delivered:G4} arrived; most was {(leaks[0].Lost < 0 ? "added" : "lost")} at '{leaks[0].Layer}' ({leaks[0].Operator}): {Math.Abs(leaks[0].Lost):G4}{(leaks.Length > 1 ? $", and some at {leaks.Length - 1} more layers" : "")}.");
    }

    internal override GraphResult InGraph(ExplanationGraph question)
    {
        var (scores, relevance) = question.Gradient(Rules(question));
        return new GraphResult(relevance, scores, question.PlacesSeparate() ? question.Delta(relevance, scores) : null);
    }

    private IEnumerable<LrpAssignment> OfComposite() => Composite switch
    {
        LrpComposite.EpsilonPlus => [new(LrpRule.ZPlus) { Kind = LayerKind.Convolution }, new(LrpRule.Epsilon(Epsilon))],
        LrpComposite.EpsilonAlpha2Beta1 => [new(LrpRule.AlphaBeta()) { Kind = LayerKind.Convolution }, new(LrpRule.Epsilon(Epsilon))],
        LrpComposite.EpsilonPlusFlat => [new(LrpRule.Flat) { First = true }, new(LrpRule.ZPlus) { Kind = LayerKind.Convolution }, new(LrpRule.Epsilon(Epsilon))],
        LrpComposite.EpsilonGammaBox =>
        [
            new(LrpRule.ZBox(Low, High)) { First = true, Kind = LayerKind.Convolution },
            new(LrpRule.Gamma(Gamma)) { Kind = LayerKind.Convolution },
            new(LrpRule.Epsilon(Epsilon)),
        ],
        _ => [],
    };

    private IEnumerable<LrpAssignment> OfRule() => Rule switch
    {
        LrpRuleName.Gamma => [new(LrpRule.Gamma(Gamma))],
        LrpRuleName.Alpha2Beta1 => [new(LrpRule.AlphaBeta())],
        LrpRuleName.Alpha1Beta0 or LrpRuleName.ZPlus => [new(LrpRule.ZPlus)],
        LrpRuleName.ZBox => [new(LrpRule.ZBox(Low, High)) { First = true }, new(LrpRule.ZPlus)],
        LrpRuleName.WSquare => [new(LrpRule.WSquare) { First = true }, new(LrpRule.ZPlus)],
        LrpRuleName.Flat => [new(LrpRule.Flat) { First = true }, new(LrpRule.ZPlus)],
        LrpRuleName.Pass => [new(LrpRule.Pass)],
        LrpRuleName.Norm => [new(LrpRule.Norm)],
        _ => [new(LrpRule.Epsilon(Epsilon))],
    };
}
