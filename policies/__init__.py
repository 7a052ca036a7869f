"""Policies for data and AI platforms on Alibaba Cloud: quotas, budget, safety. `rules.RULES` holds them all."""
