"""Datasets: data that jobs read through caches which size and place themselves (Fluid).

`plan_datasets` decides in plain Python what caches a dataset and what that delivers, by the formulas of `sizing`;
`Datasets` maps that plan to resources.
"""

from .args import (
    CachingArgs,
    DatasetArgs,
    DatasetMountArgs,
    FuseArgs,
    LoadArgs,
    MasterArgs,
    MetadataVolumeArgs,
    MigrationArgs,
    ProcessArgs,
    ReadersArgs,
    RuntimeArgs,
    ScalingArgs,
    ScalingMetric,
    ScalingWindow,
    SecretKey,
    TargetArgs,
    TierArgs,
    WorkerArgs,
)
from .component import DatasetCloud, Datasets
from .planning import BucketBandwidth, DatasetPlan, DatasetSurroundings, ReaderNodes, plan_datasets
from .problems import datasets_problems
from .sizing import Data, Delivery, Proposal, Readers, Source, Target, WorkerNode, deliver, propose

__all__ = [
    "BucketBandwidth",
    "CachingArgs",
    "Data",
    "DatasetArgs",
    "DatasetCloud",
    "DatasetMountArgs",
    "DatasetPlan",
    "DatasetSurroundings",
    "Datasets",
    "Delivery",
    "FuseArgs",
    "LoadArgs",
    "MasterArgs",
    "MetadataVolumeArgs",
    "MigrationArgs",
    "ProcessArgs",
    "Proposal",
    "ReaderNodes",
    "Readers",
    "ReadersArgs",
    "RuntimeArgs",
    "ScalingArgs",
    "ScalingMetric",
    "ScalingWindow",
    "SecretKey",
    "Source",
    "Target",
    "TargetArgs",
    "TierArgs",
    "WorkerArgs",
    "WorkerNode",
    "datasets_problems",
    "deliver",
    "plan_datasets",
    "propose",
]
