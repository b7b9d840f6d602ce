namespace Limn.Reports;

/// <summary>What readers should know about a method before they believe its picture.</summary>
/// <param name="Title">The method's name as its paper writes it.</param>
/// <param name="How">What the numbers are, in a sentence or two.</param>
/// <param name="Can">What one may conclude from them.</param>
/// <param name="Cannot">What one may not, and how they mislead.</param>
public sealed record MethodText(string Title, string How, IReadOnlyList<string> Can, IReadOnlyList<string> Cannot);

/// <summary>The texts for the methods that have their own, by the method's name on the command line.</summary>
public static class MethodTexts
{
    private const string NotTheWorld = "It says nothing about the world: a strong attribution shows what this model uses, not what causes the outcome.";
    private const string Baseline =
        "It depends on the baseline. Features that already equal the baseline (a black pixel against a black baseline) get zero, however much the model uses them. Try another baseline before you conclude that something is unimportant.";
    private const string Noise =
        "It averages over inputs with noise added, which the model may never have been trained on. A different noise level can give a different picture.";
    private const string NoSign = "It has no sign: it cannot say whether a pixel speaks for or against the target.";
    private const string NoSum = "The values do not add up to the score, so they are no shares of it; compare them only within one picture.";
    private const string Replacement =
        "It depends on what replaces the hidden part. The model sees an input that may look like nothing it was trained on, and part of the change can be its reaction to that.";

    private static readonly Dictionary<string, MethodText> Catalogue = new(StringComparer.Ordinal)
    {
        ["saliency"] = new(
            "Saliency",
            "Each value is the gradient of the target with respect to one input: how fast the score changes if that input changes a very little. Usually its absolute value is shown.",
            ["Where tiny changes of the input would move this score most.", "Whether the model is sensitive to places that should not matter, such as a border or a watermark."],
            [
                "It is about sensitivity, not contribution: a feature can matter greatly for the score and have a gradient of zero because the network is saturated there.",
                "It looks noisy even for good models; single pixels should not be interpreted.",
                NoSum,
                NotTheWorld,
            ]),
        ["input-x-gradient"] = new(
            "Input × Gradient",
            "Each value is the input times the gradient of the target with respect to it. For a linear model without offset this is exactly what each input contributes.",
            ["A first, fast estimate of what each input contributes, with its sign.", "For networks of linear and ReLU layers without offsets, an exact split of the score."],
            [
                "It uses the gradient at one point only. Where the network bends between zero and the input, the values can be far from the true contributions.",
                "An input of zero always gets zero: black pixels, or features that were standardised to their mean, disappear.",
                NotTheWorld,
            ]),
        ["integrated-gradients"] = new(
            "Integrated Gradients",
            "Each value is the input's distance from the baseline times the gradient, averaged along the straight path from the baseline to the input. The values add up to the change of the score from baseline to input, up to a small error, the convergence delta.",
            [
                "How the change of the score between baseline and input is divided among the inputs, with signs.",
                "Whether the division is numerically exact: the convergence delta is the part that is missing.",
            ],
            [
                Baseline,
                "The path runs through mixtures of baseline and input that do not occur in real data; gradients there can be arbitrary and show as noise.",
                "It divides the score among single inputs; it does not say which inputs act together.",
                NotTheWorld,
            ]),
        ["smooth-grad"] = new(
            "SmoothGrad",
            "Each value is the gradient of the target, averaged over many copies of the input with random noise added.",
            ["Which regions the score is sensitive to, with less pixel noise than a single gradient.", "Whether that sensitivity persists in the neighbourhood of the input and is not an accident of one point."],
            [
                Noise,
                "Signs can cancel in the average, so a region of strong but changing gradients may look empty.",
                "A smoother picture is easier on the eye. That does not make it more faithful to the model.",
                NoSum,
            ]),
        ["smooth-grad-squared"] = new(
            "SmoothGrad²",
            "Each value is the square of the gradient of the target, averaged over many copies of the input with random noise added.",
            ["Which regions the score is sensitive to in the neighbourhood of the input, in either direction.", "It ranks regions well where signs would cancel in an ordinary average."],
            [NoSign, "Squaring exaggerates: a gradient twice as large looks four times as important.", Noise, NoSum]),
        ["var-grad"] = new(
            "VarGrad",
            "Each value is the variance of the gradient of the target over many copies of the input with random noise added.",
            ["Where the model's behaviour changes most in the neighbourhood of the input: near its edges and decision boundaries."],
            [
                "It measures variation, not size: a region with a large but steady gradient, such as all of a linear model, gets zero.",
                NoSign,
                Noise,
                NoSum,
            ]),
        ["guided-backprop"] = new(
            "Guided Backprop",
            "Each value is the gradient of the target with respect to one input, with everything negative dropped at every ReLU on the way back.",
            ["Which fine structures of the input excite units that speak for something on the way to the target.", "Sharp pictures for a first look at what kinds of edges and textures the network reacts to."],
            [
                "It is nearly the same for every class and changes little when the weights are scrambled: it shows edges of the picture more than reasons for the answer.",
                "What speaks against the target is dropped on the way and can never appear.",
                NoSum,
                NotTheWorld,
            ]),
        ["deconvolution"] = new(
            "Deconvolution",
            "Each value is what arrives at one input when the target is sent backwards through the network and each ReLU drops what is negative on the way back, whatever it did on the way forward.",
            ["Which patterns of the input are of the kind that excites the target's units."],
            [
                "It ignores which ReLUs were off for this input, so it shows what the units look for more than what they found.",
                "It is known to change little with the class and with the weights of the upper layers.",
                NoSum,
                NotTheWorld,
            ]),
        ["rect-grad"] = new(
            "RectGrad",
            "Each value is the gradient of the target with respect to one input, let through each ReLU only where activation times gradient is among the largest of its layer.",
            ["Which parts of the input feed the few units that matter most for the target, without the noise of all others."],
            [
                "Most of the gradient is thrown away on purpose: an empty region is not shown to be unimportant.",
                "The picture depends on the percentile. Try several before you conclude anything from its extent.",
                NoSum,
                NotTheWorld,
            ]),
        ["deep-lift"] = new(
            "DeepLIFT",
            "Each value is one input's share in the difference between the score and the score on a reference input, divided by slopes between the two. The values add up to that difference.",
            ["How the difference from the reference is divided among the inputs, with signs.", "Contributions that a gradient misses because the network is saturated at this input."],
            [
                Baseline,
                "Only the two ends count, not what lies between. Where several features act together, other methods divide the same difference otherwise.",
                "It divides the score among single inputs; it does not say which inputs act together.",
                NotTheWorld,
            ]),
        ["deep-lift-shap"] = new(
            "DeepLIFT SHAP",
            "Each value is one input's DeepLIFT share, averaged over the rows of a background as references. The values add up to the score minus the mean score of the background.",
            ["What sets this row apart from typical rows, with signs and a standard error for each value.", "An approximation of SHAP values at the cost of one backward pass for each background row."],
            [
                "It depends on the background: it answers 'why this rather than those', and other rows give another answer.",
                "It is an approximation of SHAP values, good where the network is nearly additive between background and input.",
                NotTheWorld,
            ]),
        ["lrp"] = new(
            "Layer-wise Relevance Propagation",
            "Each value is the part of the score that arrives at one input when the score is divided backwards, layer by layer, in proportion to what each unit contributed.",
            ["Which inputs carry the score, with signs (rules other than z-plus, w-square and flat).", "How much of the score biases and stabilisers absorbed: the delta."],
            [
                "The picture depends on the rules as much as on the model. Say which were used, and compare composites.",
                "Rules that favour positive contributions give clean pictures that can hide what speaks against the target, and some are nearly blind to the class.",
                "With the plain epsilon rule it is close to input times gradient, and shares its noise.",
                NotTheWorld,
            ]),
        ["excitation-backprop"] = new(
            "Excitation Backprop",
            "Each value is the probability that a walk from the target back through the network, which follows only connections that excite, ends at one input. With contrast, less that of a walk from the opposite of the target.",
            ["Which places of the input excite the units that excite the target; often good at finding where an object is.", "With contrast: what speaks for this target rather than for what excites all."],
            [
                "What inhibits the target is never seen, so it cannot say what speaks against it.",
                "Without contrast the picture is much the same for every class.",
                "It says where, and how much in proportion, but nothing about the size of the score.",
                NotTheWorld,
            ]),
        ["feature-ablation"] = new(
            "Feature Ablation",
            "Each value is how much the score falls when one feature (or one group of them) is replaced by its baseline and all others are kept.",
            ["What actually happens to the score when a feature is taken away; no gradient and no approximation is involved.", "The sign: positive means that the score falls without the feature."],
            [
                Replacement,
                "Features are removed one at a time. If two carry the same information, the model leans on the other one and both look unimportant.",
                "For the same reason the values need not add up to the score.",
                NotTheWorld,
            ]),
        ["occlusion"] = new(
            "Occlusion",
            "A window slides over the input and hides what is under it. Each value is how much the score falls while that place is hidden, averaged over all windows that cover it.",
            ["Which regions the model cannot do without, by direct experiment.", "The sign: positive regions support the target, negative ones speak against it."],
            [
                "It sees nothing smaller than its window, and only what lies within one window at a time: two eyes that can each stand in for the other both look unimportant.",
                Replacement,
                "Size and step of the window shape the picture. Blocks and stripes are the window's, not the model's.",
                "The values do not add up to the score.",
            ]),
    };

    private static readonly string[] GenericCan =
    [
        "Which inputs this method credits for this one answer of this one model.",
        "Whether the model relies on something that it should not: this is a reason to look further.",
    ];

    private static readonly string[] GenericCannot =
    [
        "It explains one answer. It does not show how the model behaves in general.",
        "A picture that agrees with our expectations is no proof that it shows how the model works. Compare it with a second method of a different kind.",
        NotTheWorld,
    ];

    /// <summary>The names that have their own text.</summary>
    public static IReadOnlyCollection<string> Methods => Catalogue.Keys;

    /// <summary>The text for a method; for a name without one, a general text under the name written in words (<c>grad-cam</c> is titled <c>Grad Cam</c>).</summary>
    public static MethodText For(string method)
    {
        ArgumentNullException.ThrowIfNull(method);
        return Catalogue.TryGetValue(method, out MethodText? text)
            ? text
            : new MethodText(Words(method), "Each value is the part that the method gives one input in the model's answer.", GenericCan, GenericCannot);
    }

    private static string Words(string method) =>
        string.Join(' ', method.Split('-', StringSplitOptions.RemoveEmptyEntries).Select(word => char.ToUpperInvariant(word[0]) + word[1..]));
}
