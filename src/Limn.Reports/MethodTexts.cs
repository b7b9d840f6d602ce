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
        ["layer-activation"] = new(
            "Layer Activation",
            "Each value is what the layer holds for this input. Nothing is explained yet: it shows what the rest of the network works with.",
            ["Which channels or neurons respond to this input, and where.", "Whether a layer is dead or saturated on it."],
            ["It has no target: a strong activation may not matter for the score at all, or may speak against it.", "Activations of different layers, and often of different channels, have no common scale.", NotTheWorld]),
        ["internal-influence"] = new(
            "Internal Influence",
            "Each value is the gradient of the target with respect to one element of a layer, averaged while the input moves from the baseline to itself.",
            ["Which elements of the layer the score follows, on average over the path, with the direction.", "A ranking of channels or neurons that does not depend on the gradient at a single point."],
            [
                "It is sensitivity, not contribution: an element that does not change along the path can still have a large value.",
                NoSum,
                Baseline,
                NotTheWorld,
            ]),
        ["conductance"] = new(
            "Conductance",
            "Each value is the part of the change in the score, from the baseline to the input, that flows through one element of a layer.",
            [
                "Which neurons or channels carry the score's change, with signs.",
                "Where every path goes through the layer, the values add up to the change of the score; the convergence delta is what is missing.",
            ],
            [
                Baseline,
                "Beside a skip connection a layer carries only a part of the change, and the sum says nothing about the rest.",
                "That a neuron carries much does not say what it stands for.",
                NotTheWorld,
            ]),
        ["neuron-conductance"] = new(
            "Neuron Conductance",
            "Each value is the part of the change in the score that comes from one input and flows through the chosen neuron, along the path from the baseline to the input.",
            ["Which inputs a neuron uses when it contributes to this score.", "How much of an input's attribution goes through this neuron and not through others."],
            [
                "It is about one neuron. What flows around it is left out, so the values add up to that neuron's share only.",
                Baseline,
                NotTheWorld,
            ]),
        ["gradient-shap"] = new(
            "GradientSHAP",
            "Each value is Integrated Gradients averaged over baselines drawn from a background, by sampling: how the change of the score from a typical background row to this input is divided among the inputs.",
            [
                "How the input's score comes to differ from the average score of the background, with signs.",
                "How exact the numbers are: the standard error of each is given, and more samples make it smaller.",
            ],
            [
                "It depends on the background. Other rows to compare with give other values.",
                "It is an estimate by random draws; differences smaller than the standard error mean nothing.",
                "The path between a background row and the input runs through mixtures that do not occur in real data.",
                NotTheWorld,
            ]),
        ["guided-ig"] = new(
            "Guided Integrated Gradients",
            "As Integrated Gradients, along a path that moves first the inputs on which the score hardly depends, and so avoids places where gradients are large for no good reason.",
            ["How the change of the score between baseline and input is divided among the inputs, with less noise than along the straight path.", "Whether the division is numerically exact: the convergence delta is the part that is missing."],
            [
                Baseline,
                "The path depends on the model. Two models that compute the same function get the same values, but inputs that play the same part in it may not.",
                NotTheWorld,
            ]),
        ["blur-ig"] = new(
            "Blur Integrated Gradients",
            "Each value is the gradient times the change of the pixel, added up while the picture goes from fully blurred to sharp. The values add up to what the detail contributes to the score.",
            ["Which detail of the picture raises or lowers the score, with signs.", "No colour is singled out as absent: black and white pixels can both get credit."],
            [
                "What survives the strongest blur, large areas and the mean colour, gets no credit.",
                "Credit lies at edges and texture by construction, because that is what blurring changes.",
                NotTheWorld,
            ]),
        ["idgi"] = new(
            "IDGI",
            "Along the path from the baseline to the input, the change of the score in each step is divided among the inputs by the squares of the gradient there.",
            ["Which inputs the score's change is due to at the places of the path where it happens, with less noise than Integrated Gradients.", "The values add up to the change of the score, by construction."],
            [
                "That they add up is no sign of quality here: they would with any gradient.",
                "Within a step all inputs get the same sign, also one that by itself lowers the score.",
                Baseline,
                NotTheWorld,
            ]),
        ["xrai"] = new(
            "XRAI",
            "The picture is cut into overlapping segments. Each pixel gets the mean attribution (Integrated Gradients from black and from white) of the segment that brought it in, the densest segments first.",
            ["Which regions of the picture matter most for the score, as a ranking.", "Regions instead of single pixels: noise of the gradients is averaged away."],
            [
                "The regions are those of the picture, not of the model: it cannot show that the model looks at half an object.",
                "A value is a density. A large weak region can matter more in sum than a small strong one.",
                NoSum,
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
