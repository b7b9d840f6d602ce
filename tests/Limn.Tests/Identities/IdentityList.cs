using System.Reflection;

namespace Limn.Tests.Identities;

/// <summary>The exact identities that follow from the formulas of the methods: each is proved by tests, or belongs to a method that is not here yet.</summary>
public sealed class IdentityList
{
    private static readonly Dictionary<int, string> Proved = new()
    {
        [1] = "Integrated Gradients of a linear function is w (x - b); of a product from zero, half of it for each factor",
        [2] = "LRP with epsilon to zero on a ReLU network is gradient x input",
        [3] = "DeepLIFT of min(x1, x2) at (3, 1) from zero: Rescale (0, 1), RevealCancel (1/2, 1/2)",
        [4] = "Guided IG with distance 0 is Integrated Gradients by the left Riemann rule",
        [5] = "HiResCAM is Grad-CAM where the head is global average pooling and a linear layer",
        [6] = "the map of XGrad-CAM before the ReLU adds up to the score of a ReLU head without biases",
        [9] = "relevance of attention with zero gradient is the identity",
        [11] = "the regions of XRAI on a picture of two colours are its halves",
        [12] = "RISE of a constant is that constant everywhere",
        [14] = "the mask of an extremal perturbation has the area asked for, within 5 %",
    };

    private static readonly Dictionary<int, string> NotHereYet = new()
    {
        [7] = "CKA is 1 between X and X Q, and between X and c X: similarity of representations",
        [8] = "PWCCA of X with itself is 1: similarity of representations",
        [10] = "randomisation of parameters against constant maps has no correlation: sanity checks",
        [13] = "the pointing game's tolerance at its edge: evaluation with ground truth",
    };

    [Fact]
    public void Every_identity_is_proved_or_belongs_to_a_method_that_is_not_here_yet()
    {
        int[] tested = [.. typeof(IdentityList).Assembly.GetTypes().SelectMany(t => t.GetMethods())
            .Select(m => m.GetCustomAttribute<IdentityAttribute>()?.Number).OfType<int>().Distinct().Order()];
        Assert.Equal(Proved.Keys.Order(), tested);
        Assert.Equal(Enumerable.Range(1, 14), Proved.Keys.Concat(NotHereYet.Keys).Order());
    }
}
